// The mesh as a picture: this gateway in the middle, the workers around it, links between them, how busy each is.
import { h, keyed, s, set, set_text } from "./dom.js";
import { cut, plain } from "./format.js";
import { on_step, store } from "./store.js";

// Wide, or for a phone; half the axes of the ring with it.
const wide = { width: 720, height: 440, across: 282, down: 155 };
const narrow = { width: 420, height: 420, across: 152, down: 150 };
let shape = wide;
const middle = { x: 0, y: 0 };
const pulses_max = 24;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/// A ring while names can be read; more are a disc of dots.
function places(total) {
  if (total <= 14) {
    const r = total > 9 ? 22 : 27;
    return Array.from({ length: total }, (_, i) => {
      const angle = -Math.PI / 2 + ((i + (total % 2 === 0 ? 0.5 : 0)) * 2 * Math.PI) / total;
      return { x: middle.x + shape.across * Math.cos(angle), y: middle.y + shape.down * Math.sin(angle), r, named: true };
    });
  }
  const r = Math.max(4, Math.min(14, 150 / Math.sqrt(total)));
  return Array.from({ length: total }, (_, i) => {
    const angle = i * Math.PI * (3 - Math.sqrt(5));
    const far = Math.sqrt((i + 1.5) / (total + 1)); // The first stay clear of the middle.
    const x = middle.x + (50 + (shape.across - 20) * far) * Math.cos(angle);
    return { x, y: middle.y + (50 + (shape.down - 25) * far) * Math.sin(angle), r, named: false };
  });
}

const share = (worker) => (worker.slots > 0 ? Math.min(1, worker.running / worker.slots) : 0);
const is_away = (worker) => worker.state === "suspect" || worker.state === "dead" || worker.state === "left";

/// Part of a circle, from the top, clockwise.
function arc(r, part) {
  if (part <= 0) return "M0 0";
  if (part >= 0.999) return `M0 ${-r}A${r} ${r} 0 1 1 -0.01 ${-r}Z`;
  const angle = part * 2 * Math.PI;
  return `M0 ${-r}A${r} ${r} 0 ${part > 0.5 ? 1 : 0} 1 ${(r * Math.sin(angle)).toFixed(2)} ${(-r * Math.cos(angle)).toFixed(2)}`;
}

function describe(worker) {
  const load = `${worker.running} of ${worker.slots} slots busy, ${worker.queued} waiting`;
  const more = [worker.scheduled ? `${worker.scheduled} scheduled` : "", worker.stuck ? `${worker.stuck} stuck` : "",
    worker.short_of_memory ? "short of memory" : ""].filter(Boolean);
  return `${plain(worker.name ?? "worker")}: ${worker.state}, ${[load, ...more].join(", ")}`;
}

function make_node(open_worker) {
  const open = (event) => {
    if (event.type === "keydown" && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    open_worker(event.currentTarget.worker_id);
  };
  return s("g", {},
    s("g", { class: "hit", role: "button", tabindex: 0, on: { click: open, keydown: open } }, s("circle", { class: "focus" }),
      s("circle", { class: "plate" }), s("circle", { class: "track" }), s("path", { class: "busy" })),
    s("g", { "aria-hidden": "true", class: "texts", "text-anchor": "middle" }, s("text", { class: "load" }),
      s("text", { class: "name" }), s("text", { class: "waits" })));
}

function draw_node(node, { worker, place }) {
  const [hit, texts] = node.children;
  const [focus, plate, track, busy] = hit.children;
  const [load, name, waits] = texts.children;
  hit.worker_id = worker.id;
  set(hit, { "aria-label": describe(worker) });
  set(node, { transform: `translate(${place.x.toFixed(1)} ${place.y.toFixed(1)})`, "data-state": worker.state,
    class: worker.queued > 0 ? "node full" : "node" });
  set(focus, { r: place.r + 7 });
  set(plate, { r: place.r });
  set(track, { r: place.r - 3 });
  set(busy, { d: arc(place.r - 3, share(worker)) });
  set(load, { y: 5 });
  set(name, { y: place.r + 18 });
  set(waits, { y: place.r + 33 });
  set_text(load, place.named ? (is_away(worker) ? "?" : `${worker.running}/${worker.slots}`) : "");
  set_text(name, place.named ? cut(plain(worker.name ?? "worker"), 18) : "");
  const said = worker.state !== "alive" ? worker.state : worker.queued > 0 ? `${worker.queued} waiting` : "";
  set_text(waits, place.named ? said : "");
}

/// Between workers: all of them while they are few, then neighbours alone.
function links_of(shown) {
  const links = shown.map((one) => ({ key: `hub ${one.worker.id}`, from: middle, to: one.place, hub: true, one }));
  const few = shown.length <= 12;
  for (let i = 0; i < shown.length; ++i) {
    for (let j = i + 1; j < shown.length; ++j) {
      const near = j === i + 1 || (i === 0 && j === shown.length - 1);
      const through = Math.hypot((shown[i].place.x + shown[j].place.x) / 2 - middle.x, (shown[i].place.y + shown[j].place.y) / 2 - middle.y) < 20;
      if (through) continue; // It would lie on those of the gateway.
      if (!few && !(near && shown[i].place.named)) continue;
      if (is_away(shown[i].worker) || is_away(shown[j].worker)) continue;
      links.push({ key: `${shown[i].worker.id} ${shown[j].worker.id}`, from: shown[i].place, to: shown[j].place });
    }
  }
  return links;
}

function draw_link(line, link) {
  // Peers bow a little towards the middle, so that they do not cover one another.
  const bow = link.hub ? 1 : 0.82;
  const mx = middle.x + ((link.from.x + link.to.x) / 2 - middle.x) * bow;
  const my = middle.y + ((link.from.y + link.to.y) / 2 - middle.y) * bow;
  const away = link.hub && is_away(link.one.worker);
  set(line, {
    d: `M${link.from.x.toFixed(1)} ${link.from.y.toFixed(1)}Q${mx.toFixed(1)} ${my.toFixed(1)} ${link.to.x.toFixed(1)} ${link.to.y.toFixed(1)}`,
    class: link.hub ? `link-line hub${away ? " away" : ""}` : "link-line",
    "stroke-width": link.hub ? (1.2 + 2.4 * share(link.one.worker)).toFixed(2) : 1,
  });
}

export function make_mesh(box, open_worker) {
  const links = s("g");
  const pulses = s("g", { class: "pulses", "aria-hidden": "true" });
  const nodes = s("g");
  const hub_name = s("text", { class: "name", y: 44, "text-anchor": "middle" });
  const hub = s("g", { class: "hub-node" },
    s("rect", { x: -26, y: -26, width: 52, height: 52, rx: 15 }),
    s("path", { d: "M-10 -8 10 -9 8 9 -9 8Z M-10 -8 8 9 M10 -9 -9 8" }), hub_name);
  const picture = s("svg", { role: "group", "aria-label": "The mesh" }, links, pulses, hub, nodes);
  const empty = h("p", { class: "empty over" }, "No worker is known. Start one: taskmesh worker");
  box.append(picture, empty);
  let shown = [];

  on_step((before, task) => {
    if (calm.matches || document.hidden || pulses.children.length >= pulses_max) return;
    const at = shown.find((one) => one.worker.id === task.worker_id)?.place;
    const ended = task.completed !== null;
    if (!at || (before === null && ended) || (!ended && task.status !== "running")) return;
    const dot = s("circle", { r: 4, class: `pulse ${task.status}` });
    pulses.append(dot);
    const [from, to] = ended ? [at, middle] : [middle, at];
    const place = (p) => `translate(${p.x}px, ${p.y}px)`;
    dot.animate([{ transform: place(from) }, { transform: place(to) }], { duration: 650, easing: "ease-in-out" })
      .finished.finally(() => dot.remove());
  });

  return () => {
    const workers = store.workers;
    shape = box.clientWidth < 560 ? narrow : wide;
    middle.x = shape.width / 2;
    middle.y = shape.height / 2 - 4;
    set(hub, { transform: `translate(${middle.x} ${middle.y})` });
    const where = places(workers.length);
    shown = workers.map((worker, i) => ({ worker, place: where[i] }));
    empty.hidden = workers.length > 0 || store.me === null;
    keyed(links, links_of(shown), (link) => link.key, () => s("path"), draw_link);
    keyed(nodes, shown, (one) => one.worker.id, () => make_node(open_worker), draw_node);
    set_text(hub_name, "gateway");
    set(picture, { viewBox: `0 0 ${shape.width} ${shape.height}`, "aria-label": `The mesh: ${workers.length} workers` });
  };
}
