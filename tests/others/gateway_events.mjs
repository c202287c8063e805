// npm's EventSource behind a proxy that cuts its connection after the first event: it resumes with Last-Event-ID, is told
// nothing twice, and stops after the end. usage: node gateway_events.mjs URL
import net from "node:net";
import { EventSource } from "eventsource";

const gateway = new URL(process.argv[2]);
const heads = []; // What was asked.
let cut = false;
const proxy = net.createServer((near) => {
  const far = net.connect(Number(gateway.port), gateway.hostname);
  near.on("data", (head) => head.toString().startsWith("GET ") && heads.push(head.toString()));
  near.pipe(far);
  far.on("data", (data) => {
    near.write(data);
    if (cut || !data.toString().includes("taskmesh.task.running")) return;
    cut = true;
    setTimeout(() => near.resetAndDestroy(), 200); // The event has arrived by then.
  });
  far.on("close", () => near.end());
  near.on("close", () => far.destroy());
  for (const end of [near, far]) end.on("error", () => {});
});
await new Promise((listens) => proxy.listen(0, "127.0.0.1", listens));

function fail(why) {
  console.error(`EventSource: ${why}`, JSON.stringify({ told, heads }, null, 1));
  process.exit(1);
}
const told = [];
setTimeout(() => fail("it has not ended in time"), 60_000);

const answer = await fetch(new URL("/v1/tasks/sleep_ms", gateway), {
  method: "POST",
  headers: { "Content-Type": "application/json" },
  body: "[6000]",
});
const { task_id: id } = await answer.json();
const source = new EventSource(`http://127.0.0.1:${proxy.address().port}/v1/tasks/${id}/events`);
for (const step of ["running", "succeeded"]) {
  source.addEventListener(`taskmesh.task.${step}.v1`, (event) => {
    const body = JSON.parse(event.data);
    if (body.id !== event.lastEventId) fail("the ids differ");
    told.push(event.lastEventId);
    if (step === "succeeded" && body.data.result !== 6000) fail("the end has another result");
  });
}
source.onerror = () => {
  if (source.readyState !== EventSource.CLOSED) return; // It connects again.
  const asked = heads.map((head) => /last-event-id: (\S+)/i.exec(head)?.[1] ?? "");
  if (told.join() !== `${id}-running-1,${id}-end`) fail("other events than one start and one end");
  if (asked.join() !== `,${id}-running-1,${id}-end`) fail("it asked otherwise");
  console.log("EventSource resumed where it was cut, and stopped at the end");
  process.exit(0);
};
