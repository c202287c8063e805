// The form that submits a task.
import { ask } from "./api.js";
import { by_id, h, toast } from "./dom.js";
import { plain } from "./format.js";
import { learn, may } from "./store.js";

function show_errors(lines) {
  by_id("submit-errors").replaceChildren(...lines.map((line) => h("p", {}, plain(line))));
}

/// The arguments as they were typed (numbers keep all their digits), or why not.
function arguments_of(text) {
  try {
    if (Array.isArray(JSON.parse(text))) return { body: text };
    return { why: "Arguments: this is JSON, but no array. Put all arguments between [ and ]." };
  } catch (error) {
    return { why: `Arguments: this is no JSON: ${error.message}` };
  }
}

async function submit(form, open_task) {
  const data = new FormData(form);
  const said = (name) => String(data.get(name) ?? "").trim();
  const { body, why } = arguments_of(said("args") || "[]");
  if (!said("name")) return show_errors(["Name: which task is it?"]);
  if (why) return show_errors([why]);
  const query = new URLSearchParams();
  for (const name of ["priority", "retries", "countdown", "time_limit", "deadline", "callback"]) {
    if (said(name)) query.set(name, said(name));
  }
  const headers = said("key") ? { "Idempotency-Key": JSON.stringify(said("key")) } : {};
  const button = form.querySelector("button.primary");
  button.disabled = true;
  show_errors([]);
  try {
    const path = `/v1/tasks/${encodeURIComponent(said("name"))}?${query}`;
    const receipt = await ask("POST", path, { body, headers, wait_ms: 15_000 });
    learn({ attempt: 0, callback: said("callback") ? "pending" : "none", worker: null, stopping: false,
      submitted_at: new Date().toISOString(), started_at: null, completed_at: null, ...receipt });
    by_id("submit-dialog").close();
    toast(`${plain(said("name"))} was accepted.`);
    open_task(receipt.task_id);
  } catch (error) {
    const errors = error.problem?.errors?.map((one) => `${one.field}: ${one.detail}`) ?? [];
    show_errors(errors.length > 0 ? errors : [error.message]);
  } finally {
    button.disabled = false;
  }
}

export function setup_submit(open_task) {
  const dialog = by_id("submit-dialog");
  by_id("submit-button").addEventListener("click", () => {
    if (!may("submit")) return;
    show_errors([]);
    dialog.showModal();
    by_id("submit-name").focus();
  });
  by_id("submit-form").addEventListener("submit", (event) => {
    event.preventDefault();
    submit(event.target, open_task);
  });
  // Enter submits from the text area too, with Ctrl.
  by_id("submit-args").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) by_id("submit-form").requestSubmit();
  });
}
