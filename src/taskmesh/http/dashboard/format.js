// Numbers and times as people read them.

export const active_states = ["scheduled", "queued", "running", "retrying"];
export const ended_states = ["success", "failure", "cancelled", "expired", "lost"];
export const is_state = (state) => active_states.includes(state) || ended_states.includes(state);
export const is_ended = (state) => ended_states.includes(state);

/// 950 -> "950", 12345 -> "12.3k"
export function count(number) {
  if (number < 10_000) return String(Math.round(number));
  if (number < 1_000_000) return `${(number / 1000).toFixed(number < 100_000 ? 1 : 0)}k`;
  return `${(number / 1_000_000).toFixed(1)}M`;
}

/// Per second: one digit behind the point while it is small.
export const rate = (number) => (number > 0 && number < 10 ? number.toFixed(1) : count(number));

/// Milliseconds: "0.4 ms", "12 ms", "1.3 s", "4 min", "2 h", "3 d"
export function span(ms) {
  if (ms === null || ms === undefined || !Number.isFinite(ms)) return "–";
  if (ms < 0) return "0 ms";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
  if (ms < 7_200_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 172_800_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} d`;
}

/// RFC 3339 to milliseconds with fractions (Date drops what is below one); null stays null.
export function instant(text) {
  if (!text) return null;
  const whole = Date.parse(text);
  if (Number.isNaN(whole)) return null;
  const micros = /\.\d{3}(\d{1,3})/.exec(text);
  return whole + (micros ? Number(micros[1].padEnd(3, "0")) / 1000 : 0);
}

const clock_format = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const date_format = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hour12: false });
/// The time of today, or the day too.
export function clock(ms) {
  if (ms === null) return "–";
  return Math.abs(Date.now() - ms) < 43_200_000 ? clock_format.format(ms) : date_format.format(ms);
}
/// With milliseconds, for a timeline.
export const fine_clock = (ms) => (ms === null ? "–" : `${clock_format.format(ms)}.${String(Math.floor(ms) % 1000).padStart(3, "0")}`);

/// The end of an id, which is what differs.
export const short_id = (id) => `…${id.slice(-8)}`;

/// Text that could turn the line around or hide in it, made visible.
export const plain = (text) =>
  String(text).replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g, (c) =>
    c === "\n" ? "⏎" : `\\u${c.codePointAt(0).toString(16).padStart(4, "0")}`);

/// What the name may be cut to.
export const cut = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
