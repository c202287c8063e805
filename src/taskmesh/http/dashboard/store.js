// What the page knows of the mesh: one place, told by polls and by events, read by every part of the page.
import { server } from "./api.js";
import { instant, is_ended, is_state } from "./format.js";

const tasks_max = 3000; // Ended ones that are the oldest go first.
const counted_max = 50_000;
const steps_max = 24; // Of one task.
export const seconds_kept = 120;

export const store = {
  me: null, // Who asks: /v1/me.
  workers: [],
  workers_at: 0,
  queues: null,
  callbacks: { callbacks: [], next: null, silent: [] },
  partial: false, // The lists are longer than what was read of them.
  silent: [], // Workers that did not say everything.
  tasks: new Map(),
  selected: "", // The task that is looked at.
};

/// Roles include those before them.
const ranks = { read: 1, submit: 2, admin: 3 };
export const may = (role) => store.me !== null && (ranks[store.me.role] ?? 0) >= ranks[role];

export const now = () => Date.now() + server.offset_ms;

// ---- Tasks ---------------------------------------------------------------------------------------------

const counted = new Set();
const buckets = new Map(); // By second: what ended in it.
const listeners = new Set();

/// Runs with the state before and the task whenever a task changes its state.
export const on_step = (listener) => listeners.add(listener);

const times_of = (task) => {
  // An id begins with the moment of the submit, in milliseconds: events tell it so.
  task.submitted = instant(task.submitted_at) ?? Number.parseInt(task.task_id.slice(0, 12), 16);
  task.started = instant(task.started_at);
  task.completed = instant(task.completed_at);
  return task;
};

function is_older(known, row) {
  if (is_ended(known.status)) return !is_ended(row.status);
  return (row.attempt ?? 0) < (known.attempt ?? 0);
}

function remember_step(task, seen_at) {
  const last = task.steps[task.steps.length - 1];
  if (last && last.status === task.status && last.attempt === task.attempt) return false;
  task.steps.push({ status: task.status, attempt: task.attempt, worker: task.worker, started: task.started, at: seen_at });
  if (task.steps.length > steps_max) task.steps.splice(1, 1);
  return true;
}

function count_end(task) {
  if (!is_ended(task.status) || task.completed === null || counted.has(task.task_id)) return;
  if (now() - task.completed > (seconds_kept + 30) * 1000) return;
  counted.add(task.task_id);
  if (counted.size > counted_max) counted.delete(counted.values().next().value);
  const second = Math.floor(task.completed / 1000);
  let bucket = buckets.get(second);
  if (!bucket) buckets.set(second, (bucket = { done: 0, failed: 0, times: [] }));
  if (task.status === "success") bucket.done += 1;
  else bucket.failed += 1;
  if (task.submitted !== null && bucket.times.length < 2000) bucket.times.push(task.completed - task.submitted);
}

function forget_some() {
  if (store.tasks.size <= tasks_max) return;
  const ended = [...store.tasks.values()].filter((task) => is_ended(task.status) && task.task_id !== store.selected);
  ended.sort((a, b) => (a.submitted ?? 0) - (b.submitted ?? 0));
  for (const task of ended.slice(0, store.tasks.size - tasks_max + tasks_max / 10)) store.tasks.delete(task.task_id);
}

/// One task as a list, an answer or an event tells it.
export function learn(row, seen_at = now()) {
  if (typeof row?.task_id !== "string") return;
  const known = store.tasks.get(row.task_id);
  if (known && is_older(known, row)) return;
  const before = known?.status ?? null;
  const task = times_of(Object.assign(known ?? { steps: [] }, row));
  store.tasks.set(task.task_id, task);
  if (remember_step(task, seen_at)) for (const listener of listeners) listener(before, task);
  count_end(task);
  forget_some();
}

/// A CloudEvent of the stream.
export function learn_event(text) {
  let event;
  try {
    event = JSON.parse(text);
  } catch {
    return;
  }
  const told = event?.data;
  if (!told?.task_id || !is_state(told.status)) return;
  // What an event does not say is as it was.
  const said = Object.fromEntries(Object.entries(told).filter(([, value]) => value !== null));
  learn(said, instant(event.time) ?? now());
}

/// Everything of one mesh goes when another one answers at the same place, or another key sees it.
export function forget_all() {
  store.workers = [];
  store.queues = null;
  store.callbacks = { callbacks: [], next: null, silent: [] };
  store.tasks.clear();
  counted.clear();
  buckets.clear();
}

// ---- Over time ------------------------------------------------------------------------------------------

const quantile = (sorted, part) => (sorted.length === 0 ? null : sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]);

/// The last two minutes, second by second; the second that runs is not in it.
export function history() {
  const last = Math.floor(now() / 1000) - 1;
  for (const second of buckets.keys()) if (second < last - seconds_kept - 30) buckets.delete(second);
  const points = [];
  for (let second = last - seconds_kept + 1; second <= last; ++second) {
    const bucket = buckets.get(second);
    // Quantiles of three seconds, so that a lone slow task is not a spike of its own.
    const near = [second - 1, second, second + 1].flatMap((each) => buckets.get(each)?.times ?? []);
    near.sort((a, b) => a - b);
    points.push({
      at: second,
      done: bucket?.done ?? 0,
      failed: bucket?.failed ?? 0,
      p50: quantile(near, 0.5),
      p95: quantile(near, 0.95),
    });
  }
  return points;
}

/// Of the last `seconds`: ends per second, how many did not succeed, quantiles of all.
export function recent(seconds) {
  const last = Math.floor(now() / 1000) - 1;
  let done = 0;
  let failed = 0;
  const times = [];
  for (let second = last - seconds + 1; second <= last; ++second) {
    const bucket = buckets.get(second);
    if (!bucket) continue;
    done += bucket.done;
    failed += bucket.failed;
    for (const time of bucket.times) times.push(time);
  }
  times.sort((a, b) => a - b);
  return { rate: (done + failed) / seconds, failed, p50: quantile(times, 0.5), p95: quantile(times, 0.95) };
}
