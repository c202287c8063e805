// Talks to the gateway: requests, problems, the stream of events. docs/http.md.

const key_name = "taskmesh-key";
let kept_key = "";
try {
  kept_key = sessionStorage.getItem(key_name) ?? "";
} catch {
  // Storage may be forbidden; then the key lasts as long as the page.
}

export const has_key = () => kept_key !== "";
export function use_key(key) {
  kept_key = key;
  try {
    if (key) sessionStorage.setItem(key_name, key);
    else sessionStorage.removeItem(key_name);
  } catch {
    // As above.
  }
}

/// What the gateway refused (status, and the members of its problem), or that it cannot be reached (status 0).
export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? `HTTP ${status}`);
    this.status = status;
    this.problem = problem;
  }
  get lost() {
    return this.status === 0;
  }
}

/// How far the gateway's clock is from ours, from the header Date; whole seconds are all it tells.
export const server = { offset_ms: 0 };

function headers_with_key(headers = {}) {
  return kept_key ? { ...headers, Authorization: `Bearer ${kept_key}` } : headers;
}

async function refusal_of(response) {
  let problem = {};
  try {
    problem = await response.json();
  } catch {
    // A proxy in between, perhaps.
  }
  return new Refusal(response.status, problem);
}

async function send(path, options) {
  try {
    return await fetch(path, { credentials: "omit", redirect: "error", ...options });
  } catch (error) {
    if (options.signal?.aborted && options.signal.reason?.name !== "TimeoutError") throw error;
    throw new Refusal(0, { detail: "the gateway does not answer" });
  }
}

/// The answer's JSON. Throws Refusal.
export async function ask(method, path, { body, headers, wait_ms = 8000 } = {}) {
  const sent = headers_with_key(headers);
  if (body !== undefined) sent["Content-Type"] = "application/json";
  const response = await send(path, { method, headers: sent, body, signal: AbortSignal.timeout(wait_ms) });
  const date = Date.parse(response.headers.get("Date") ?? "");
  if (!Number.isNaN(date)) server.offset_ms = Math.abs(date - Date.now()) < 1500 ? 0 : date - Date.now();
  if (!response.ok) throw await refusal_of(response);
  try {
    return await response.json();
  } catch {
    throw new Refusal(0, { detail: "the gateway's answer was cut off" });
  }
}
export const get = (path) => ask("GET", path);

/// Lines to events, as the standard says (WHATWG HTML, 9.2); a part of a line waits for its rest.
export class EventReader {
  constructor(take) {
    this.take = take;
    this.rest = "";
    this.event = { type: "", data: [] };
    this.last_id = "";
  }
  push(text) {
    const lines = (this.rest + text).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop();
    for (const line of lines) this.line(line);
  }
  line(line) {
    if (line === "") {
      if (this.event.data.length > 0) {
        this.take({ id: this.last_id, type: this.event.type, data: this.event.data.join("\n") });
      }
      this.event = { type: "", data: [] };
      return;
    }
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.event.type = value;
    if (name === "data") this.event.data.push(value);
    if (name === "id") this.last_id = value;
  }
}

/// Reads a stream of events to its end (fetch, as EventSource cannot send a key). `alive` runs with each piece, heartbeats
/// too; a stream that is silent for 45 s is given up. Returns true where the server ended it for good (204).
export async function stream(path, { last_id, signal, opened, alive, event }) {
  const quiet = new AbortController();
  let timer = 0;
  const heard = () => {
    clearTimeout(timer);
    timer = setTimeout(() => quiet.abort(), 45_000);
  };
  heard();
  try {
    const headers = headers_with_key({ Accept: "text/event-stream" });
    if (last_id) headers["Last-Event-ID"] = last_id;
    const both = AbortSignal.any([signal, quiet.signal]);
    const response = await send(path, { method: "GET", headers, cache: "no-store", signal: both });
    if (response.status === 204) return true;
    if (!response.ok) throw await refusal_of(response);
    opened?.();
    const reader = new EventReader(event);
    const text = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await text.read();
      if (done) return false;
      heard();
      alive?.();
      reader.push(value);
    }
  } finally {
    clearTimeout(timer);
    quiet.abort();
  }
}
