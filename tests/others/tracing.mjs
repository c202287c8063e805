// A collector made of others' code: OpenTelemetry's own protobuf messages read each request, and must hold all of it; its
// reader of W3C trace context reads what a webhook is called with. Says its address, then one line for each span and call.
// usage: node tracing.mjs FOLDER_WITH_NODE_MODULES
import assert from "node:assert";
import http from "node:http";
import path from "node:path";
import { createRequire } from "node:module";

const [folder] = process.argv.slice(2);
const modules = path.join(folder, "node_modules", "@opentelemetry");
const require = createRequire(path.join(folder, "package.json"));
const root = require(path.join(modules, "otlp-transformer", "build", "src", "generated", "root.js"));
const { parseTraceParent } = require("@opentelemetry/core");
const Request = root.opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest;

// OTLP's JSON has ids in hex where protobuf's own has base64.
function base64(id, octets) {
  assert.match(id, new RegExp(`^[0-9a-f]{${2 * octets}}$`));
  return Buffer.from(id, "hex").toString("base64");
}

function inProtobufsOwnJson(request) {
  const all = structuredClone(request);
  for (const one of all.resourceSpans.flatMap((resource) => resource.scopeSpans).flatMap((scope) => scope.spans)) {
    for (const place of [one, ...(one.links ?? [])]) {
      place.traceId = base64(place.traceId, 16);
      place.spanId = base64(place.spanId, 8);
    }
    if (one.parentSpanId) one.parentSpanId = base64(one.parentSpanId, 8);
  }
  return all;
}

function take(body) {
  const request = JSON.parse(body);
  const expected = inProtobufsOwnJson(request);
  const read = Request.decode(Request.encode(Request.fromObject(expected)).finish());
  // A name or a type that OTLP does not know would be missing here.
  assert.deepStrictEqual(Request.toObject(read, { longs: String, bytes: String, arrays: false }), expected);
  for (const resource of request.resourceSpans) {
    for (const span of resource.scopeSpans[0].spans) {
      assert(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano));
      console.log(`accepted ${span.traceId} ${span.name} below ${span.parentSpanId} ${span.spanId}`);
    }
  }
}

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    try {
      if (request.url === "/hook") {
        const context = parseTraceParent(request.headers.traceparent);
        assert.strictEqual(request.headers.tracestate, "a=1");
        console.log(`called in ${context.traceId} by ${context.spanId}`);
        response.writeHead(204).end();
      } else {
        assert.strictEqual(request.url, "/v1/traces");
        take(Buffer.concat(parts).toString("utf8"));
        response.writeHead(200, { "Content-Type": "application/json" }).end("{}");
      }
    } catch (error) {
      console.log(`refused ${error}`);
      response.writeHead(400).end();
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(`listening http://127.0.0.1:${server.address().port}`));
