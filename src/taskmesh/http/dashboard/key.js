// Asks for an API key, and keeps it for this tab.
import { has_key, use_key } from "./api.js";
import { by_id, set_text } from "./dom.js";

/// `changed` runs when another key, or none, is used from now on.
export function setup_key(changed) {
  const dialog = by_id("key-dialog");
  const input = by_id("key-input");
  by_id("key-button").addEventListener("click", () => ask_for_key("Another key takes the place of this one."));
  by_id("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!input.value.trim()) return input.focus();
    use_key(input.value.trim());
    input.value = "";
    dialog.close();
    changed();
  });
  by_id("key-forget").addEventListener("click", () => {
    use_key("");
    input.value = "";
    dialog.close();
    changed();
  });
}

export function ask_for_key(text) {
  set_text(by_id("key-text"), text);
  by_id("key-forget").hidden = !has_key();
  if (!by_id("key-dialog").open) by_id("key-dialog").showModal();
  by_id("key-input").focus();
}
