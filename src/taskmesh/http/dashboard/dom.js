// Elements without HTML: whatever comes from the mesh is text. The page's policy (Trusted Types) forbids anything else.

const svg_space = "http://www.w3.org/2000/svg";

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "on") {
      for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

/// An HTML element: attributes, `on` for listeners, then children; strings become text.
export const h = (tag, properties, ...children) => fill(document.createElement(tag), properties, children);
/// The same in SVG.
export const s = (tag, properties, ...children) =>
  fill(document.createElementNS(svg_space, tag), properties, children);

export const by_id = (id) => document.getElementById(id);

/// Changes the text only where it differs, so that nothing is announced or selected anew.
export function set_text(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/// Sets attributes of an element that stays.
export function set(element, properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, String(value));
  }
}

/// Makes `parent`'s children those of `items`, in their order; elements of a key stay the same, with their focus.
export function keyed(parent, items, key, make, update) {
  const known = parent.keyed ?? (parent.keyed = new Map());
  const wanted = new Set();
  let place = parent.firstChild;
  for (const item of items) {
    const id = key(item);
    wanted.add(id);
    let element = known.get(id);
    if (!element) known.set(id, (element = make(item)));
    update(element, item);
    if (element === place) place = place.nextSibling;
    else parent.insertBefore(element, place);
  }
  for (const [id, element] of known) {
    if (wanted.has(id)) continue;
    element.remove();
    known.delete(id);
  }
}

/// A line that goes away by itself; errors stay until they are closed.
export function toast(text, kind = "done") {
  const box = by_id("toasts");
  const line = h("div", { class: `toast ${kind}` }, h("p", {}, text));
  line.append(h("button", { type: "button", class: "quiet", on: { click: () => line.remove() } }, "Close"));
  box.append(line);
  while (box.children.length > 4) box.firstChild.remove();
  if (kind === "done") setTimeout(() => line.remove(), 6000);
}
