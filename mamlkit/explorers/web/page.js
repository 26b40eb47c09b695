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
