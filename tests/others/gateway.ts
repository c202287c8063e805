// A client whose types were generated from our OpenAPI document: what it may ask is checked by the compiler, and what it gets
// here. usage: node gateway.js URL
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

const url = process.argv[2]!;
const client = createClient<paths>({ baseUrl: url });

function must(holds: boolean, what: string, seen?: unknown): asserts holds {
  if (holds) return;
  console.error(`the generated client: ${what}`, seen === undefined ? "" : JSON.stringify(seen));
  process.exit(1);
}

const submitted = await client.POST("/v1/tasks/{task}", {
  params: { path: { task: "add" }, query: { priority: "high" }, header: { Prefer: "respond-async" } },
  body: [2, 3],
});
must(submitted.response.status === 202 && submitted.data !== undefined, "a submit is 202", submitted.error);
const id: string = submitted.data.task_id;

const ended = await client.GET("/v1/tasks/{task}", { params: { path: { task: id }, header: { Prefer: "wait=20" } } });
must(ended.data !== undefined, "a task is found", ended.error);
const task: components["schemas"]["Task"] = ended.data;
must(task.status === "success" && task.result === 5 && task.error === null, "2 + 3 is 5", task);

const result = await client.GET("/v1/tasks/{task}/result", { params: { path: { task: id } } });
must(result.data === 5, "its result can be fetched", result.data);

const waited = await client.POST("/v1/tasks/{task}", {
  params: { path: { task: "fail" }, header: { Prefer: "wait=20" } },
  body: ["on purpose"],
});
must(waited.response.status === 200 && waited.data !== undefined && "error" in waited.data, "who waits gets the task");
must(waited.data.error?.kind === "failed", "a failure has its kind", waited.data.error);

const batch = await client.POST("/v1/batches", { body: [{ name: "add", args: [1, 2] }, { name: "pid" }] });
must(batch.data?.tasks.length === 2, "a batch has a receipt for each task", batch.error);

const page = await client.GET("/v1/tasks", { params: { query: { limit: "2" } } });
must(page.data?.tasks.length === 2 && page.data.next !== null, "a list has pages", page.error);

const workers = await client.GET("/v1/workers");
must(workers.data?.length === 1 && workers.data[0]!.state === "alive", "there is one worker", workers.error);

const later = await client.POST("/v1/tasks/{task}", {
  params: { path: { task: "add" }, query: { countdown: "1h" } },
  body: [1, 1],
});
const cancelled = await client.DELETE("/v1/tasks/{task}", { params: { path: { task: later.data!.task_id } } });
must(cancelled.data?.status === "cancelled", "a task is taken back", cancelled.error);

const unknown = await client.GET("/v1/tasks/{task}", { params: { path: { task: "0193a7c41f2e70008f0c5d1a00000001" } } });
must(unknown.response.status === 404 && unknown.error?.type === "/problems/unknown-task", "404 is a problem", unknown.error);

const ready = await client.GET("/readyz");
must(ready.data?.status === "ready" && ready.data.workers === 1, "it is ready", ready.data ?? ready.error);
console.log("a generated client drives the gateway");
