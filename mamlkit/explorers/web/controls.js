// Controls: each shows a value on the page, and reads one from a link (undefined if it is bad).
function makeSlider({ name, label, values, digits, unit }, set) {
  const input = element("input", { type: "range", min: 0, max: values.length - 1, step: 1, "data-control": name,
    input: () => set(values[input.valueAsNumber]) });
  const output = element("b");
  const words = (value) => formatNumber(value, digits) + unit;
  const nearer = (value) => (best, x, i) => (Math.abs(x - value) < Math.abs(values[best] - value) ? i : best);
  const index = (value) => values.reduce(nearer(value), 0);
  return {
    node: element("label", { class: "mk-control" }, element("span", {}, label), output, input),
    index,
    words,
    show(value) {
      input.value = index(value);
      input.setAttribute("aria-valuetext", words(value));
      output.textContent = words(value);
    },
    parse: (string) => [Number(string.trim() || NaN)]
      .filter((x) => x >= values[0] && x <= values.at(-1)).map((x) => values[index(x)])[0],
  };
}

function makeChoice({ name, label, values, names }, set, { unique }) {
  const index = (value) => values.indexOf(value);
  const inputs = values.map((value, i) => element("input", { type: "radio", name: `${unique}-${name}`, value: names[i],
    "data-control": name, change: () => set(value) }));
  const options = inputs.map((input, i) => element("label", {}, input, element("span", {}, names[i])));
  return {
    node: element("fieldset", { class: "mk-control mk-choice" },
      element("legend", {}, label), element("div", {}, ...options)),
    index,
    words: (value) => names[index(value)],
    show: (value) => (inputs[index(value)].checked = true),
    parse: (string) => values.find((value) => String(value) === string),
  };
}

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

function makePoint({ name, label, low, high, step, digits, default: current }, set, { toPlane, texts }) {
  const output = element("b");
  const words = (value) => `(${value.map((x) => formatNumber(x, digits)).join(", ")})`;
  const inside = (value) => value.length === 2 && value.every((x, i) => x >= low[i] && x <= high[i]);
  const place = (value) => set(value.map((x, i) => Math.min(high[i], Math.max(low[i], x))));
  const handle = element("div", { class: "mk-handle", role: "slider", tabindex: 0, "data-control": name,
    "aria-label": label, "aria-roledescription": texts.point, "aria-valuemin": low[0], "aria-valuemax": high[0],
    pointerdown: (event) => handle.setPointerCapture(event.pointerId),
    pointermove: (event) => handle.hasPointerCapture(event.pointerId) && place(toPlane(event.clientX, event.clientY)),
    keydown: (event) => {
      if (!KEYS[event.key]) return;
      event.preventDefault();
      const length = step * (event.shiftKey ? 5 : 1);
      place(current.map((x, i) => Number((x + length * KEYS[event.key][i]).toFixed(9))));
    } });
  return {
    node: element("div", { class: "mk-control" }, element("span", {}, label), output, element("small", {}, texts.drag)),
    handle,
    words,
    show(value) {
      current = value;
      output.textContent = words(value);
      handle.setAttribute("aria-valuenow", value[0]);
      handle.setAttribute("aria-valuetext", words(value));
    },
    share: (value) => value.map((x, i) => (x - low[i]) / (high[i] - low[i])),
    parse: (string) => [string.split(",").map((x) => (x.trim() ? Number(x) : NaN))].find(inside),
  };
}
