// The two hosts: a widget in Jupyter, plain HTML on a static page.
// Every static figure brings this script with it, so that each can stand alone; the first to run wakes them all.
wakeAll(".mk-explorer[data-static]", (root) => {
  root.removeAttribute("data-static");
  mount(root, new StaticModel(JSON.parse(root.querySelector("script").textContent)), true);
});

export default {
  render({ model, el }) {
    const root = element("div", { class: "mk-explorer", role: "group", "aria-label": model.get("spec").title });
    el.append(root);
    return mount(root, model, false);
  },
};
