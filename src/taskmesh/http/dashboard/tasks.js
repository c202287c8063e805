// The list of tasks: what is known here, filtered; more of it from the mesh, page by page.
import { get } from "./api.js";
import { by_id, h, keyed, set, set_text, toast } from "./dom.js";
import { active_states, clock, ended_states, is_ended, plain, short_id, span } from "./format.js";
import { learn, now, store } from "./store.js";

const page_rows = 40;
let shown_rows = page_rows;
let cursor = null; // Of the page after those that were loaded; null: none was loaded, or there is no more.
let at_end = false;

const filter = () => ({
  state: by_id("filter-state").value,
  name: by_id("filter-name").value.trim(),
  id: by_id("filter-id").value.trim().toLowerCase(),
});

const states_of = (state) => (state === "active" ? active_states : state === "ended" ? ended_states : state ? [state] : []);

/// The address of a list with these filters; an id is looked for by itself.
export function list_path({ state, name }, limit, from) {
  const query = new URLSearchParams();
  if (state) query.set("state", states_of(state).join(","));
  if (name) query.set("name", name);
  query.set("limit", String(limit));
  if (from) query.set("cursor", from);
  return `/v1/tasks?${query}`;
}

function wanted() {
  const { state, name, id } = filter();
  const states = states_of(state);
  const rows = [...store.tasks.values()].filter(
    (task) => (states.length === 0 || states.includes(task.status)) && (!name || task.name === name) && (!id || task.task_id.includes(id)));
  // What runs first, then the newest.
  const rank = (task) => (is_ended(task.status) ? 1 : 0);
  rows.sort((a, b) => rank(a) - rank(b) || (b.submitted ?? 0) - (a.submitted ?? 0) || (a.task_id < b.task_id ? 1 : -1));
  return rows;
}

export const chip = (status, stopping) => h("span", { class: "chip", "data-state": status }, stopping ? "stopping" : status);

function make_row(task, open_task) {
  const link = h("a", { href: `#task=${task.task_id}`, on: { click: (event) => { event.preventDefault(); open_task(task.task_id); } } });
  return h("tr", {}, h("td", {}, link, h("span", { class: "id" })), h("td"), h("td"), h("td"), h("td", { class: "num" }),
    h("td", { class: "num" }), h("td", { class: "num" }), h("td"));
}

function draw_row(row, task) {
  const [name, state, worker, submitted, waited, ran, attempt, callback] = row.children;
  set_text(name.firstChild, plain(task.name ?? "(name not kept)"));
  set_text(name.lastChild, short_id(task.task_id));
  const said = task.stopping && !is_ended(task.status) ? "stopping" : task.status;
  if (state.dataset.said !== said) {
    state.dataset.said = said;
    state.replaceChildren(chip(task.status, said === "stopping"));
  }
  set_text(worker, plain(task.worker ?? "–"));
  set_text(submitted, clock(task.submitted));
  set_text(waited, task.started === null && is_ended(task.status) ? "–" : span((task.started ?? now()) - task.submitted));
  set_text(ran, task.started === null ? "–" : span((task.completed ?? now()) - task.started));
  set_text(attempt, task.attempt ? String(task.attempt) : "–");
  set_text(callback, task.callback === "none" ? "–" : task.callback ?? "–");
  set(callback, { class: task.callback === "undelivered" ? "bad" : null });
}

export function make_tasks(open_task) {
  const body = by_id("rows");
  const again = () => {
    shown_rows = page_rows;
    cursor = null;
    at_end = false;
    draw();
    load();
  };
  function draw() {
    const rows = wanted();
    keyed(body, rows.slice(0, shown_rows), (task) => task.task_id, (task) => make_row(task, open_task), draw_row);
    const hidden = rows.length - Math.min(rows.length, shown_rows);
    by_id("more").hidden = hidden === 0 && at_end;
    const silent = store.silent.length > 0 ? ` ${store.silent.map(plain).join(", ")} did not answer in time.` : "";
    set_text(by_id("rows-note"), (rows.length === 0 ? "No task is known that fits." : `${Math.min(rows.length, shown_rows)} of ${rows.length} known here.`) + silent);
  }
  async function load() {
    const wish = filter();
    try {
      if (/^[0-9a-f]{32}$/.test(wish.id)) {
        learn(await get(`/v1/tasks/${wish.id}`));
      } else {
        const page = await get(list_path(wish, 200, cursor));
        for (const row of page.tasks) learn(row);
        cursor = page.next;
        at_end = page.next === null;
      }
    } catch (error) {
      if (!error.lost && error.status !== 401) toast(error.message, "error");
    }
    draw();
  }
  by_id("filters").addEventListener("submit", (event) => event.preventDefault());
  by_id("filter-state").addEventListener("change", again);
  let timer = 0;
  for (const id of ["filter-name", "filter-id"]) {
    by_id(id).addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(again, 250);
    });
  }
  by_id("more").addEventListener("click", () => {
    shown_rows += page_rows;
    if (!at_end) load();
    draw();
  });
  return draw;
}
