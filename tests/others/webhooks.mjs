// A receiver of webhooks made of others' libraries: `standardwebhooks` believes the signature, `cloudevents` reads the
// event. Says its address, then one line for each post; answers 204 only to what both accept.
// usage: node webhooks.mjs FOLDER_WITH_NODE_MODULES SECRET
import http from "node:http";
import path from "node:path";
import { createRequire } from "node:module";

const [folder, secret] = process.argv.slice(2);
const require = createRequire(path.join(folder, "package.json"));
const { Webhook } = require("standardwebhooks");
const { HTTP } = require("cloudevents");

const server = http.createServer((request, response) => {
  const parts = [];
  request.on("data", (part) => parts.push(part));
  request.on("end", () => {
    const body = Buffer.concat(parts).toString("utf8");
    try {
      new Webhook(secret).verify(body, request.headers);
      let forged = false;
      try {
        new Webhook(secret).verify(body + " ", request.headers);
        forged = true;
      } catch {
        // As it should be.
      }
      if (forged) throw new Error("a changed body was believed");
      const event = HTTP.toEvent({ headers: request.headers, body });
      event.validate();
      if (event.id !== request.headers["webhook-id"]) throw new Error("the ids differ");
      console.log(`accepted ${event.specversion} ${event.id} ${event.type} ${event.source} ${JSON.stringify(event.data.result)}`);
      response.writeHead(204).end();
    } catch (error) {
      console.log(`refused ${error}`);
      response.writeHead(400).end();
    }
  });
});
server.listen(0, "127.0.0.1", () => console.log(`listening http://127.0.0.1:${server.address().port}/hook`));
