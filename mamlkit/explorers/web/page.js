// Small helpers of the page.
function element(tag, attributes = {}, ...children) { // attributes that are functions listen to events
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

const escape = (words) => words.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const px = (x) => x.toFixed(1);

class StaticModel { // where there is no kernel, this stands in for the widget's model
  listeners = {};
  constructor({ spec, state }) { this.state = { spec, ...state }; }
  get(name) { return this.state[name]; }
  set(name, value) { this.state[name] = value; this.listeners[`change:${name}`]?.(); }
  on(event, listener) { this.listeners[event] = listener; }
  save_changes() {}
}

// Do something once the page is there; while it is read, there may be nothing yet to scroll to.
function whenThere(act) {
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", act, { once: true });
  else act();
}

// On a page without a kernel: wake each figure as soon as the parser has brought it whole, before what follows is
// painted, so that nothing on the page moves. One that is awake no longer carries the attribute in `sleeping`.
function wakeAll(sleeping, wake) {
  const arriving = (node) => document.readyState === "loading" && !node.nextSibling && (!node.parentNode || arriving(node.parentNode));
  const look = () => document.querySelectorAll(sleeping).forEach((root) => arriving(root) || wake(root));
  look();
  if (document.readyState !== "loading") return;
  const parser = new MutationObserver(look);
  parser.observe(document, { childList: true, subtree: true });
  document.addEventListener("DOMContentLoaded", () => { parser.disconnect(); look(); }, { once: true });
}
