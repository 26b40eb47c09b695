// The two hosts: a widget in Jupyter, plain HTML on a static page.
class StaticModel { // where there is no kernel, this stands in for the widget's model
  listeners = {};
  constructor({ spec, state }) { this.state = { spec, ...state }; }
  get(name) { return this.state[name]; }
  set(name, value) { this.state[name] = value; this.listeners[`change:${name}`]?.(); }
  on(event, listener) { this.listeners[event] = listener; }
  save_changes() {}
}

// Every static figure brings this script with it, so that each can stand alone; the first to run wakes them all.
for (const root of document.querySelectorAll(".mk-explorer[data-static]")) {
  root.removeAttribute("data-static");
  mount(root, new StaticModel(JSON.parse(root.querySelector("script").textContent)), true);
}

export default {
  render({ model, el }) {
    const root = element("div", { class: "mk-explorer", role: "group", "aria-label": model.get("spec").title });
    el.append(root);
    return mount(root, model, false);
  },
};
