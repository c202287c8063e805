// The page: asks the gateway again and again, listens to its events, and says plainly when it cannot.
import { get, has_key, stream } from "./api.js";
import { load_callbacks, make_callbacks } from "./callbacks.js";
import { make_latency_chart, make_rate_chart } from "./charts.js";
import { by_id, h, keyed, set_text, toast } from "./dom.js";
import { clock, count, plain, rate, span } from "./format.js";
import { ask_for_key, setup_key } from "./key.js";
import { make_mesh } from "./mesh.js";
import { forget_all, learn, learn_event, may, now, recent, store } from "./store.js";
import { setup_submit } from "./submit.js";
import { draw_task, open_task, open_worker, setup_drawer } from "./task.js";
import { list_path, make_tasks } from "./tasks.js";

// ---- The link to the gateway --------------------------------------------------------------------------------

const link = { state: "connecting", seen: null, retry_at: 0, pause: 1000, stream: "off", why: "", last_id: "" };

const link_words = { connecting: "Connecting", live: "Live", polling: "Asking every second", lost: "Connection lost", key: "Needs a key" };

function set_link(state) {
  link.state = state;
  by_id("link").dataset.link = state;
  set_text(by_id("link-text"), link_words[state]);
  by_id("link").title = state === "polling" ? link.why : "";
  draw_banner();
}

function draw_banner() {
  const lost = link.state === "lost";
  const key = link.state === "key";
  by_id("banner").hidden = !lost && !key;
  document.body.classList.toggle("stale", lost || key);
  if (lost) {
    const seconds = Math.max(0, Math.ceil((link.retry_at - Date.now()) / 1000));
    const what = link.seen === null ? "Nothing has been seen yet." : `What you see is from ${clock(link.seen)}.`;
    // The countdown is not for ears: the text that is announced stays.
    set_text(by_id("banner-text"), `The connection to the gateway is lost. ${what} The page keeps trying.`);
    set_text(by_id("banner-button"), seconds > 0 ? `Try now (${seconds} s)` : "Trying");
  }
  if (key) {
    set_text(by_id("banner-text"), `This gateway asks for an API key. ${link.why}`);
    set_text(by_id("banner-button"), "Enter a key");
  }
  by_id("banner-button").hidden = !lost && !key;
}

function lose() {
  if (link.state !== "lost") link.pause = 1000;
  link.retry_at = Date.now() + link.pause;
  link.pause = Math.min(8000, link.pause * 2);
  stop_stream();
  set_link("lost");
}

function refuse_key(error) {
  stop_stream();
  store.me = null;
  link.why = has_key() ? error.message : "";
  const first = link.state !== "key";
  set_link("key");
  if (first) ask_for_key(has_key() ? "The key that was used is not taken any more. Which one is?" : "This gateway asks for a key.");
}

/// What a request that went wrong means for the whole page.
function trouble(error) {
  if (error.lost) return lose();
  if (error.status === 401) return refuse_key(error);
  if (error.status === undefined) throw error;
  link.why = error.message; // The mesh has a moment; the next round asks again.
}

// ---- The stream ---------------------------------------------------------------------------------------------

let stream_stop = null;
let stream_after = 0;

function stop_stream() {
  stream_stop?.abort();
  stream_stop = null;
  link.stream = "off";
}

async function listen() {
  const stop = (stream_stop = new AbortController());
  link.stream = "asked";
  let pause = 2000;
  try {
    await stream("/v1/events", {
      last_id: link.last_id,
      signal: stop.signal,
      opened: () => {
        link.stream = "open";
        link.why = "";
        set_link("live");
      },
      event: ({ id, type, data }) => {
        link.last_id = id;
        if (type.includes(".gap.")) again(); // Some events are missing: the lists tell what became of it.
        else learn_event(data);
      },
    });
    link.why = "the stream of events ended";
  } catch (error) {
    if (stop.signal.aborted) return;
    link.why = error.lost ? "the stream of events broke" : `no stream of events: ${error.message}`;
    // Not offered, or not to this key: that does not change soon.
    if (error.status === 403 || error.status === 404 || error.status === 405) pause = 60_000;
    if (error.status === 400 || error.status === 410) link.last_id = "";
  }
  if (stream_stop !== stop) return;
  stream_stop = null;
  link.stream = "off";
  stream_after = Date.now() + pause;
  if (link.state === "live" || link.state === "polling") set_link("polling");
}

// ---- Asking -------------------------------------------------------------------------------------------------

async function load_tasks() {
  const page = await get(list_path({ state: "", name: "" }, 1000, null));
  const seen = now();
  for (const row of page.tasks) learn(row, seen);
  store.silent = page.silent;
  store.partial = page.next !== null;
}

async function load_open() {
  for (const row of (await get(list_path({ state: "active", name: "" }, 200, null))).tasks) learn(row);
}

/// What ran here when it was last heard of, and is in no list of what runs: it has ended, or its worker is gone.
async function ask_for_missing() {
  const old = now() - 5000;
  const open = [...store.tasks.values()].filter((task) => task.completed === null && (task.checked ?? 0) < old && (task.steps.at(-1)?.at ?? 0) < old);
  for (const task of open.slice(0, 20)) {
    task.checked = now();
    try {
      learn(await get(`/v1/tasks/${task.task_id}`));
    } catch (error) {
      if (error.lost) throw error;
      if (error.status === 404) store.tasks.delete(task.task_id);
      if (error.status === 410) learn({ ...task, status: error.problem.task_status ?? task.status, completed_at: task.completed_at });
    }
  }
}

const sources = [
  { every: 1000, run: async () => { store.workers = await get("/v1/workers"); store.workers_at = now(); } },
  { every: 1500, run: async () => { store.queues = await get("/v1/queues"); store.silent = store.queues.silent; } },
  { every: 2000, live: 15_000, run: load_tasks },
  { every: 1000, live: 5000, run: load_open },
  { every: 3000, run: ask_for_missing },
  { every: 3000, run: load_callbacks },
].map((source) => ({ ...source, due: 0, busy: false }));

async function run_source(source) {
  source.busy = true;
  const me = store.me;
  try {
    await source.run();
    link.seen = now();
  } catch (error) {
    if (store.me === me) trouble(error);
  } finally {
    const every = link.state === "live" ? source.live ?? source.every : source.every;
    source.due = Date.now() + (document.hidden ? 5 * every : every);
    source.busy = false;
  }
}

const again = () => sources.forEach((source) => (source.due = 0));

let greeting = false;
async function greet() {
  greeting = true;
  try {
    const me = await get("/v1/me");
    if (store.me && store.me.mesh !== me.mesh) forget_all();
    store.me = me;
    link.pause = 1000;
    link.seen = now();
    stream_after = 0;
    again();
    set_link("polling");
  } catch (error) {
    trouble(error);
    if (link.state === "connecting") lose();
  } finally {
    greeting = false;
  }
}

function tick() {
  if (link.state === "lost") draw_banner();
  if (greeting || link.state === "key") return;
  if (link.state === "connecting" || (link.state === "lost" && Date.now() >= link.retry_at)) {
    greet();
    return;
  }
  if (link.state === "lost") return;
  for (const source of sources) if (!source.busy && Date.now() >= source.due) run_source(source);
  if (!stream_stop && Date.now() >= stream_after && !document.hidden) listen();
}

// ---- Drawing ------------------------------------------------------------------------------------------------

function tiles() {
  const alive = store.workers.filter((worker) => worker.state === "alive").length;
  const sum = (member) => store.workers.reduce((all, worker) => all + (worker.state === "dead" ? 0 : worker[member]), 0);
  const last = recent(10);
  const minute = recent(60);
  // Long lists go from worker to worker: without the stream what ends is not all seen.
  const unsure = link.state !== "live" && store.partial;
  const seen = (text) => (unsure ? "–" : text);
  return [
    { name: "Workers", value: count(alive), note: alive === store.workers.length ? "all answer" : `of ${store.workers.length} known`, bad: alive < store.workers.length },
    { name: "Busy slots", value: count(sum("running")), note: `of ${count(sum("slots"))}` },
    { name: "Waiting", value: count(sum("queued")), note: `${count(sum("scheduled"))} scheduled` },
    { name: "Ended per second", value: seen(rate(last.rate)), note: unsure ? "only the live stream tells" : "last 10 s" },
    { name: "95 % within", value: seen(span(minute.p95)), note: `median ${seen(span(minute.p50))}` },
    { name: "Not succeeded", value: seen(count(minute.failed)), note: "last minute", bad: !unsure && minute.failed > 0 },
  ];
}

function draw_tiles() {
  const make = () => h("div", { class: "tile" }, h("p", { class: "tile-name" }), h("p", { class: "tile-value" }), h("p", { class: "muted" }));
  by_id("rate-note").hidden = by_id("latency-note").hidden = link.state === "live" || !store.partial;
  keyed(by_id("tiles"), tiles(), (tile) => tile.name, make, (box, tile) => {
    [tile.name, tile.value, tile.note].forEach((text, i) => set_text(box.children[i], text));
    box.classList.toggle("bad", tile.bad === true);
  });
}

function draw_queues() {
  const queued = store.queues?.queued ?? {};
  const rows = ["critical", "high", "normal", "low"].map((name) => ({ name, waits: queued[name] ?? 0 }));
  const most = Math.max(1, ...rows.map((row) => row.waits));
  const make = (row) => h("div", { class: "queue", "data-priority": row.name }, h("p", {}, row.name), h("div", { class: "queue-bar", "aria-hidden": "true" }, h("span")), h("p", { class: "num" }));
  keyed(by_id("queues"), rows, (row) => row.name, make, (box, row) => {
    box.children[1].firstChild.style.width = `${(100 * row.waits) / most}%`;
    set_text(box.children[2], count(row.waits));
  });
  const sum = rows.reduce((all, row) => all + row.waits, 0);
  set_text(by_id("queues-note"), store.queues === null ? "" : `${count(sum)} wait for a slot`);
}

function draw_head() {
  const me = store.me;
  if (me) {
    set_text(by_id("mesh-name"), `mesh ${plain(me.mesh)}`);
    document.title = `${plain(me.mesh)} · taskmesh`;
    const who = me.keys ? `Key ${plain(me.name ?? "")}, role ${me.role}${me.role === "read" ? ": it may look, not submit, cancel or replay" : me.role === "submit" ? ": it may not replay callbacks" : ""}.` : "No keys: everybody who reaches this gateway may do everything.";
    const why = link.state === "polling" && link.why ? ` Asking every second: ${plain(link.why)}.` : "";
    set_text(by_id("foot"), `taskmesh ${me.version} · ${who}${why}`);
    set_text(by_id("key-button"), `Key: ${plain(me.name ?? "none")} (${me.role})`);
  }
  by_id("key-button").hidden = !(me?.keys || has_key());
  by_id("submit-button").hidden = !may("submit");
  const names = [...new Set(store.workers.flatMap((worker) => worker.tasks))].sort();
  keyed(by_id("names"), names.slice(0, 500), (name) => name, (name) => h("option", { value: name }), () => {});
}

function setup() {
  const parts = [draw_head, draw_tiles, make_mesh(by_id("mesh"), open_worker), make_rate_chart(by_id("rate")),
    make_latency_chart(by_id("latency")), draw_queues, make_callbacks(by_id("callbacks"), open_task, again), make_tasks(open_task), draw_task];
  const draw = () => {
    if (link.state !== "lost" && !document.hidden) for (const part of parts) part();
  };
  setup_key(() => {
    stop_stream();
    forget_all();
    store.me = null;
    link.why = "";
    set_link("connecting");
    tick();
  });
  setup_submit(open_task);
  setup_drawer();
  by_id("banner-button").addEventListener("click", () => {
    if (link.state === "key") return ask_for_key("This gateway asks for a key.");
    link.retry_at = 0;
    tick();
  });
  for (const button of document.querySelectorAll("[data-close]")) button.addEventListener("click", () => button.closest("dialog").close());
  document.addEventListener("visibilitychange", () => { if (!document.hidden) again(); });
  addEventListener("unhandledrejection", (event) => toast(`The page has a fault: ${event.reason?.message ?? event.reason}`, "error"));
  for (const part of parts) part();
  setInterval(tick, 200);
  setInterval(draw, 500);
  tick();
}

setup();
