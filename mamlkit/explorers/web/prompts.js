// Questions beside the plot: each sets its state, and keeps its own answer folded.
function makePrompts(prompts, texts, set) {
  return element("ol", { class: "mk-prompts", "aria-label": texts.prompts }, ...prompts.map(({ text, state, answer }) => {
    const item = element("li", {}, element("p", {}, text));
    if (Object.keys(state).length) {
      item.append(element("button", { type: "button", "data-do": "set", click: () => set(state) }, texts.set));
    }
    if (answer) item.append(element("details", {}, element("summary", {}, texts.answer), element("p", {}, answer)));
    return item;
  }));
}
