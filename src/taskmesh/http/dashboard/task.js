// One task, or one worker, in the drawer: a timeline with attempts and the callback, result or error, cancel.
import { Refusal, ask, get, stream } from "./api.js";
import { by_id, h, toast } from "./dom.js";
import { fine_clock, is_ended, plain, span } from "./format.js";
import { callback_facts, replay } from "./callbacks.js";
import { learn, learn_event, may, now, store } from "./store.js";
import { chip } from "./tasks.js";

const dialog = () => by_id("task-dialog");
let looked = null; // What the drawer shows: { id, task, callbacks, posts, note, stop }.
let worker_id = "";

const head = (title, below) =>
  h("div", { class: "sheet-head" },
    h("div", {}, h("h2", { id: "task-title" }, title), below),
    h("button", { type: "button", class: "quiet close", on: { click: () => dialog().close() } }, "Close"));

const facts = (pairs) =>
  h("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));

// ---- The timeline -----------------------------------------------------------------------------------------

function entry(kind, title, at, text) {
  return h("li", { "data-state": kind }, h("p", { class: "what" }, title),
    h("p", { class: "when" }, at === null ? "" : fine_clock(at)), text ? h("p", { class: "muted" }, text) : null);
}

/// The attempts: those that were seen here, and how many were before.
function attempts(task) {
  const seen = new Map();
  for (const step of task.steps) {
    if (step.status === "running" && step.attempt) seen.set(step.attempt, step);
  }
  if (task.attempt && task.started !== null) {
    seen.set(task.attempt, { attempt: task.attempt, worker: task.worker, started: task.started });
  }
  const list = [...seen.values()].sort((a, b) => a.attempt - b.attempt);
  const entries = [];
  const missed = list.length > 0 ? list[0].attempt - 1 : 0;
  if (missed > 0) entries.push(entry("retrying", missed === 1 ? "1 attempt before" : `${missed} attempts before`, null, "they ended before this page looked"));
  list.forEach((one, i) => {
    const last = i === list.length - 1;
    const on = one.worker ? `on ${plain(one.worker)}` : "";
    const failed = !last || task.status === "retrying" ? "did not succeed; tried again" : "";
    entries.push(entry("running", `Attempt ${one.attempt} started`, one.started ?? one.at ?? null, [on, failed].filter(Boolean).join(" · ")));
  });
  return entries;
}

const end_words = { success: "Succeeded", failure: "Failed", cancelled: "Cancelled", expired: "Expired", lost: "Lost" };
const wait_words = { scheduled: "Waits for its time", queued: "Waits for a slot", running: "Runs", retrying: "Waits for its next attempt" };

const failure_words = { forbidden: "its host may not be called", name: "its host was not found", connect: "nobody took the connection",
  tls: "no trusted TLS", silent: "no answer in time", broken: "no proper answer" };
const outcome_words = { delivered: "taken", again: "posted again", held: "it asked to wait", dead: "given up", allowed: "events may come" };

/// One attempt at a webhook, as the worker that made it remembers it.
function post_entry(post) {
  const title = post.kind === "consent" ? "Consent asked for" : `Webhook delivery ${post.delivery}`;
  const answer = post.status !== null ? `answered ${post.status}` : failure_words[post.failure] ?? plain(post.failure ?? "");
  const next = post.next_at === null ? "" : `next at ${fine_clock(Date.parse(post.next_at))}`;
  return entry(post.outcome === "delivered" || post.outcome === "allowed" ? "success" : post.outcome === "dead" ? "failure" : "retrying",
    title, Date.parse(post.at), [plain(post.endpoint ?? ""), answer, span(post.took_ms), outcome_words[post.outcome] ?? post.outcome, next]
      .filter(Boolean).join(" · "));
}

function callback_entries(task, rows, posts) {
  if (task.callback === "none") return [];
  const words = { pending: "Callback to be delivered", delivered: "Callback delivered", undelivered: "Callback not delivered" };
  const state = { pending: "queued", delivered: "success", undelivered: "failure" }[task.callback] ?? "queued";
  const first = entry(state, words[task.callback] ?? `Callback ${task.callback}`, null, "");
  for (const row of rows) {
    first.append(facts(callback_facts(row)));
    const button = may("admin") ? h("button", { type: "button", on: { click: () => replay({ task: task.task_id }) } }, "Replay the callback") : null;
    first.append(button ?? h("p", { class: "muted" }, "Replaying takes a key with role admin."));
  }
  return [...[...posts].reverse().map(post_entry), first];
}

function timeline(task, rows, posts) {
  const list = h("ol", { class: "timeline" }, entry("scheduled", "Submitted", task.submitted, ""), attempts(task));
  if (is_ended(task.status)) {
    const took = task.submitted === null || task.completed === null ? "" : `${span(task.completed - task.submitted)} after the submit`;
    list.append(entry(task.status, end_words[task.status], task.completed, took));
  } else {
    list.append(entry(`${task.status} now`, wait_words[task.status] ?? task.status, null, task.stopping ? "it was asked to stop" : ""));
  }
  list.append(...callback_entries(task, rows, posts));
  return list;
}

/// How long it waited and ran, to scale.
function bar(task) {
  const end = task.completed ?? now();
  const begin = task.submitted ?? end;
  const started = task.started ?? end;
  const whole = Math.max(1, end - begin);
  const waited = h("span", { class: "waited" });
  const ran = h("span", { class: "ran", "data-state": task.status });
  waited.style.flexGrow = String(Math.max(0, (started - begin) / whole));
  ran.style.flexGrow = String(Math.max(0, (end - started) / whole));
  return h("div", { class: "bar" }, h("div", { class: "bar-line", "aria-hidden": "true" }, waited, ran),
    h("p", { class: "muted" }, `${task.attempt > 1 ? "until the last attempt" : "waited"} ${span(started - begin)}, ran ${span(end - started)}`));
}

// ---- The drawer -------------------------------------------------------------------------------------------

/// What is drawn, as text: drawn anew only where it differs, so that focus and selection stay.
function drawn_as(task) {
  const { steps, ...rest } = task;
  return JSON.stringify([rest, steps.length, looked.callbacks, looked.posts, looked.note, store.me?.role]);
}

function value_of(task) {
  if (task.error) {
    return h("section", { class: "outcome bad" }, h("h3", {}, "Error"), h("p", { class: "what" }, plain(task.error.what)),
      task.error.why ? h("p", {}, plain(task.error.why)) : null, task.error.fix ? h("p", { class: "muted" }, plain(task.error.fix)) : null);
  }
  if (task.status !== "success" || task.result === undefined) return null;
  const text = JSON.stringify(task.result, null, 2) ?? "null";
  return h("section", { class: "outcome" }, h("h3", {}, "Result"), h("pre", { tabindex: 0 }, plain_lines(text.slice(0, 20_000))),
    text.length > 20_000 ? h("p", { class: "muted" }, "the rest is left out here") : null);
}
const plain_lines = (text) => text.split("\n").map(plain).join("\n");

function cancel_part(task) {
  if (is_ended(task.status)) return null;
  if (!may("submit")) return h("p", { class: "muted" }, "Cancelling takes a key with role submit.");
  if (task.stopping) return h("p", { class: "muted" }, "It was asked to stop, and ends when its code returns.");
  return h("button", { type: "button", class: "danger", id: "cancel", on: { click: () => cancel(task.task_id) } }, "Cancel the task");
}

async function cancel(id) {
  try {
    const said = await ask("DELETE", `/v1/tasks/${id}`);
    toast(said.stopping ? "The task was asked to stop." : "The task is cancelled.");
  } catch (error) {
    toast(error.message, "error");
  }
  refresh(id);
}

export function draw_task() {
  if (!looked) return draw_worker();
  const task = store.tasks.get(looked.id);
  const box = dialog();
  if (!task) {
    if (box.dataset.drawn === `${looked.id} ${looked.note}`) return;
    box.dataset.drawn = `${looked.id} ${looked.note}`;
    box.replaceChildren(head("Task", h("p", { class: "id" }, looked.id)), h("p", { class: "muted" }, looked.note || "Asking the mesh"));
    return;
  }
  const drawn = drawn_as(task);
  const moving = !is_ended(task.status);
  if (box.dataset.drawn === drawn && !moving) return;
  if (box.dataset.drawn === drawn) {
    box.querySelector(".bar")?.replaceWith(bar(task));
    return;
  }
  box.dataset.drawn = drawn;
  const focused = box.contains(document.activeElement) ? document.activeElement.className : null;
  box.replaceChildren(
    head(plain(task.name ?? "(name not kept)"), h("p", { class: "id" }, task.task_id)),
    h("p", { class: "row" }, chip(task.status, task.stopping && moving), task.worker ? h("span", { class: "muted" }, `on ${plain(task.worker)}`) : null),
    looked.note ? h("p", { class: "muted" }, looked.note) : "",
    bar(task), timeline(task, looked.callbacks, looked.posts), value_of(task) ?? "",
    task.joined ? h("p", { class: "muted" }, `Joined to ${task.joined}, which has the same key.`) : "",
    cancel_part(task) ?? "");
  if (focused !== null) box.querySelector(".close").focus();
}

async function refresh(id) {
  try {
    learn(await get(`/v1/tasks/${id}`));
    if (looked?.id !== id) return;
    looked.note = "";
    const task = store.tasks.get(id);
    if (task && task.callback !== "none" && task.callback !== "delivered" && is_ended(task.status)) {
      looked.callbacks = (await get(`/v1/callbacks?task=${id}`)).callbacks;
    } else {
      looked.callbacks = [];
    }
    const told = task && task.callback !== "none" && is_ended(task.status);
    looked.posts = told ? (await get(`/v1/callbacks/log?task=${id}&limit=20`)).attempts : [];
  } catch (error) {
    if (looked?.id === id && error instanceof Refusal && !error.lost) looked.note = error.message;
  }
  if (looked?.id === id) draw_task();
}

/// Follows it until it has ended; where the stream breaks it is asked for again.
async function follow(id, stop) {
  while (!stop.signal.aborted) {
    await refresh(id);
    const task = store.tasks.get(id);
    const settled = task && is_ended(task.status) && (task.callback === "none" || task.callback === "delivered");
    if (stop.signal.aborted || settled || (looked?.note && !task)) return;
    try {
      if (task && !is_ended(task.status)) {
        await stream(`/v1/tasks/${id}/events`, {
          signal: stop.signal,
          event: ({ data }) => {
            learn_event(data);
            draw_task();
          },
        });
      }
    } catch {
      // Told by the line at the top; here it is only tried again.
    }
    await new Promise((resolve) => setTimeout(resolve, 1500));
  }
}

export function open_task(id) {
  close_looked();
  const stop = new AbortController();
  looked = { id, callbacks: [], posts: [], note: "", stop };
  store.selected = id;
  show();
  history.replaceState(null, "", `#task=${id}`);
  follow(id, stop);
}

function show() {
  dialog().dataset.drawn = "";
  draw_task();
  if (!dialog().open) dialog().showModal();
  dialog().querySelector(".close").focus();
}

function close_looked() {
  looked?.stop.abort();
  looked = null;
  worker_id = "";
  store.selected = "";
}

export function open_worker(id) {
  close_looked();
  worker_id = id;
  show();
}

function draw_worker() {
  if (!worker_id) return;
  const worker = store.workers.find((one) => one.id === worker_id);
  const drawn = JSON.stringify(worker ?? worker_id);
  const box = dialog();
  if (box.dataset.drawn === drawn) return;
  box.dataset.drawn = drawn;
  if (!worker) return box.replaceChildren(head("Worker", h("p", { class: "id" }, worker_id)), h("p", { class: "muted" }, "The mesh does not know it any more."));
  const waits = store.queues?.workers.find((one) => one.id === worker_id)?.queued;
  box.replaceChildren(head(plain(worker.name ?? "worker"), h("p", { class: "id" }, worker.id)),
    h("p", { class: "row" }, h("span", { class: "chip", "data-state": worker.state }, worker.state),
      worker.short_of_memory ? h("span", { class: "chip", "data-state": "failure" }, "short of memory") : null),
    facts([["Busy slots", `${worker.running} of ${worker.slots}`], ["Waiting", String(worker.queued)],
      ["By priority", waits ? Object.entries(waits).map(([name, n]) => `${name} ${n}`).join(", ") : null],
      ["Scheduled", String(worker.scheduled)], ["Stuck", worker.stuck ? String(worker.stuck) : null],
      ["Host", plain(worker.host ?? "")], ["Process", String(worker.pid)], ["Endpoints", worker.endpoints.map(plain).join(", ")],
      ["Tasks", worker.tasks.map(plain).join(", ")]]));
  box.querySelector(".close").focus();
}

export function setup_drawer() {
  dialog().addEventListener("close", () => {
    close_looked();
    if (location.hash.startsWith("#task=")) history.replaceState(null, "", location.pathname);
  });
  dialog().addEventListener("click", (event) => {
    if (event.target === dialog()) dialog().close(); // Beside the drawer.
  });
  const from_hash = () => {
    const found = /^#task=([0-9a-f]{32})$/.exec(location.hash);
    if (found) open_task(found[1]);
  };
  addEventListener("hashchange", from_hash);
  from_hash();
}
