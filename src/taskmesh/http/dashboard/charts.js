// Throughput and latency of the last two minutes, drawn as SVG.
import { h, s, set, set_text } from "./dom.js";
import { count, rate, span } from "./format.js";
import { history, seconds_kept } from "./store.js";

const width = 560;
const height = 200;
const left = 46;
const bottom = 20;
const top = 10;

/// The next round number above.
function round_up(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 1.5, 2, 3, 4, 5, 6, 8, 10]) if (value <= step * power) return step * power;
  return value;
}

const x_of = (i) => left + (i / (seconds_kept - 1)) * (width - left - 6);

function frame(label) {
  const grid = [0, 0.5, 1].map((part) => {
    const y = top + (1 - part) * (height - top - bottom);
    const text = s("text", { x: left - 8, y: y + 4, "text-anchor": "end" });
    return { part, text, nodes: [s("line", { class: "grid", x1: left, x2: width - 6, y1: y, y2: y }), text] };
  });
  const times = [seconds_kept, seconds_kept / 2, 0].map((ago, i) =>
    s("text", { x: x_of(seconds_kept - 1 - Math.max(ago - 1, 0)), y: height - 4, "text-anchor": ["start", "middle", "end"][i] },
      ago === 0 ? "now" : `${ago} s ago`));
  const marks = s("g", { class: "marks" });
  const picture = s("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    grid.flatMap((line) => line.nodes), times, marks);
  return { picture, marks, grid };
}

/// A line with holes where there is nothing.
function line_path(points, y_of) {
  let path = "";
  let open = false;
  points.forEach((value, i) => {
    if (value === null) {
      open = false;
      return;
    }
    path += `${open ? "L" : "M"}${x_of(i).toFixed(1)} ${y_of(value).toFixed(1)}`;
    if (!open && (points[i + 1] ?? null) === null) path += "h.1"; // A lone point is a dot.
    open = true;
  });
  return path;
}

/// Means of three seconds: what a second holds is noise.
const smooth = (values) => values.map((value, i) => {
  const near = values.slice(Math.max(0, i - 1), i + 2);
  return near.reduce((sum, each) => sum + each, 0) / near.length;
});

export function make_rate_chart(box) {
  const { picture, marks, grid } = frame("Throughput");
  const area = s("path", { class: "area" });
  const line = s("path", { class: "line success" });
  const failures = s("path", { class: "line failure" });
  marks.append(area, line, failures);
  box.append(picture);
  return () => {
    const points = history();
    const done = smooth(points.map((point) => point.done));
    const failed = smooth(points.map((point) => point.failed));
    const most = round_up(Math.max(...done, ...failed, 1));
    const y_of = (value) => height - bottom - (value / most) * (height - top - bottom);
    const path = line_path(done, y_of);
    set(line, { d: path });
    set(area, { d: `${path}L${x_of(points.length - 1).toFixed(1)} ${height - bottom}L${left} ${height - bottom}Z` });
    set(failures, { d: failed.some((value) => value > 0) ? line_path(failed, y_of) : "M0 0" });
    for (const { part, text } of grid) set_text(text, `${rate(most * part)}/s`);
    const sum = points.reduce((all, point) => all + point.done, 0);
    const not = points.reduce((all, point) => all + point.failed, 0);
    set(picture, { "aria-label": `In the last two minutes ${count(sum)} tasks succeeded and ${count(not)} did not.` });
  };
}

export function make_latency_chart(box) {
  const { picture, marks, grid } = frame("Latency");
  const p95 = s("path", { class: "line p95" });
  const p50 = s("path", { class: "line p50" });
  const empty = h("p", { class: "empty over" }, "No task has ended in the last two minutes.");
  marks.append(p95, p50);
  box.append(picture, empty);
  return () => {
    const points = history();
    const values = points.flatMap((point) => [point.p50, point.p95]).filter((value) => value !== null);
    const most = round_up(Math.max(...values, 1));
    const y_of = (value) => height - bottom - (value / most) * (height - top - bottom);
    set(p50, { d: line_path(points.map((point) => point.p50), y_of) || "M0 0" });
    set(p95, { d: line_path(points.map((point) => point.p95), y_of) || "M0 0" });
    for (const { part, text } of grid) set_text(text, part === 0 ? "0" : span(most * part));
    empty.hidden = values.length > 0;
    const last = [...points].reverse().find((point) => point.p95 !== null);
    set(picture, {
      "aria-label": last
        ? `Time from submit to end, last: median ${span(last.p50)}, 95 percent within ${span(last.p95)}.`
        : "Time from submit to end: nothing has ended.",
    });
  };
}
