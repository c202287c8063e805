// Callbacks that nobody has taken: a list, and sending them again.
import { ask, get } from "./api.js";
import { by_id, h, keyed, set_text, toast } from "./dom.js";
import { plain, span } from "./format.js";
import { may, store } from "./store.js";

const stage_words = { waiting: "waits", in_flight: "on its way", refused: "refused, tried again", dead: "given up" };

export const callback_facts = (row) => [
  ["Address", plain(row.address ?? "")],
  ["Stage", stage_words[row.stage] ?? row.stage],
  ["Deliveries", String(row.deliveries)],
  ["Trouble", row.trouble ? plain(row.trouble) : null],
  [row.stage === "dead" ? "Forgotten in" : "Given up in", span(row.left_ms)],
];

const sent = (row) => (row.deliveries === 0 ? "never sent" : row.deliveries === 1 ? "sent once" : `sent ${row.deliveries} times`);

let changed = () => {};

/// `which`: { task } or { address } or { all: true }.
export async function replay(which) {
  try {
    const said = await ask("POST", `/v1/callbacks/replay?${new URLSearchParams(which)}`);
    if (said.tried === 0) toast("Nothing was left to send there.");
    else toast(`${said.tried === 1 ? "One callback is" : `${said.tried} callbacks are`} tried now${said.revived ? `, ${said.revived} had been given up` : ""}.`);
  } catch (error) {
    toast(error.message, "error");
  }
  changed();
}

export async function load_callbacks() {
  store.callbacks = await get("/v1/callbacks?limit=50");
}

function make_row(open_task) {
  const link = h("a", { href: "#", on: { click: (event) => { event.preventDefault(); open_task(link.task_id); } } });
  const button = h("button", { type: "button", class: "quiet", on: { click: () => replay({ task: link.task_id }) } }, "Replay");
  return h("li", {}, h("span", { class: "chip" }), h("div", { class: "callback" }, h("p", {}, link, h("span", { class: "address" })),
    h("p", { class: "muted" })), button);
}

function draw_row(row, one) {
  const [stage, text, button] = row.children;
  const [first, second] = text.children;
  const [link, address] = first.children;
  link.task_id = one.task_id;
  link.href = `#task=${one.task_id}`;
  stage.dataset.state = one.stage === "dead" ? "failure" : one.stage === "refused" ? "retrying" : "queued";
  set_text(stage, stage_words[one.stage]?.split(",")[0] ?? one.stage);
  set_text(link, plain(one.name ?? one.task_id));
  set_text(address, ` to ${plain(one.address ?? "")}`);
  const times = `${sent(one)}, ${one.stage === "dead" ? "given up" : "ended"} ${span(one.age_ms)} ago`;
  set_text(second, one.trouble ? `${plain(one.trouble)} · ${times}` : times);
  button.hidden = !may("admin");
  button.setAttribute("aria-label", `Replay the callback of ${plain(one.name ?? one.task_id)}`);
}

export function make_callbacks(box, open_task, ask_again) {
  changed = ask_again;
  const list = h("ul", { class: "callback-list" });
  const note = h("p", { class: "empty" });
  box.append(list, note);
  by_id("replay-all").addEventListener("click", () => replay({ all: "true" }));
  return () => {
    const { callbacks, next } = store.callbacks;
    keyed(list, callbacks.slice(0, 50), (one) => `${one.task_id} ${one.worker_id}`, () => make_row(open_task), draw_row);
    by_id("replay-all").hidden = !may("admin") || callbacks.length === 0;
    const readable = callbacks.length > 0 && !may("admin") ? "Replaying takes a key with role admin." : "";
    set_text(note, callbacks.length === 0 ? "All callbacks were delivered." : next ? `There are more than these. ${readable}` : readable);
    note.hidden = note.textContent === "";
  };
}
