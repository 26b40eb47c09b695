// Controls: each shows a value on the page, and reads one from a link (undefined if it is bad).

const PACE = 700; // milliseconds a value stays while a control is played
const ICONS = { play: "M3 1.5 11 6 3 10.5z", pause: "M3 2h2v8H3zM7 2h2v8H7z" };

// A button that runs through the values; where less motion is asked for, it takes one step.
function makePlay({ label, values, texts }, index, get, set) {
  let timer = 0;
  const next = () => set(values[(index(get()) + 1) % values.length]);
  const last = () => index(get()) === values.length - 1;
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    show();
  };
  const toggle = () => {
    if (timer) return stop();
    next();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches || last()) return undefined;
    timer = setInterval(() => {
      if (!button.isConnected) return stop();
      next();
      return last() && stop();
    }, PACE);
    return show();
  };
  const button = element("button", { type: "button", class: "mk-play", "data-do": "play", click: toggle });
  function show() {
    button.innerHTML = `<svg width="12" height="12" aria-hidden="true"><path d="${ICONS[timer ? "pause" : "play"]}"/></svg>`;
    button.setAttribute("aria-label", texts[timer ? "pause" : "play"].replace("{name}", label));
  }
  show();
  return { button, stop, playing: () => timer > 0 };
}

function makeSlider({ name, label, values, digits, unit, play }, { unique, texts, get, set }) {
  const id = `${unique}-${name}`;
  const input = element("input", { type: "range", id, min: 0, max: values.length - 1, step: 1, "data-control": name,
    input: () => set(values[input.valueAsNumber]) });
  const output = element("b", { "aria-hidden": "true" });
  const words = (value) => formatNumber(value, digits) + unit;
  const nearer = (value) => (best, x, i) => (Math.abs(x - value) < Math.abs(values[best] - value) ? i : best);
  const index = (value) => values.reduce(nearer(value), 0);
  const player = play ? makePlay({ label, values, texts }, index, get, (value) => set(value, true)) : null;
  return {
    node: element("div", { class: "mk-control" }, element("label", { for: id }, label), output, input,
      ...(player ? [player.button] : [])),
    input,
    player,
    index,
    words,
    show(value) {
      input.value = index(value);
      input.setAttribute("aria-valuetext", words(value));
      output.textContent = words(value);
    },
    parse: (string) => [Number(string.trim() || NaN)]
      .filter((x) => x >= values[0] - 1e-9 && x <= values.at(-1) + 1e-9).map((x) => values[index(x)])[0],
  };
}

// The one of a few values that a link names; numbers as numbers, since Python writes 0.0 where scripts write 0.
const valueNamed = (values, string) => values.find((value) =>
  String(value) === string || (typeof value === "number" && string.trim() && Number(string) === value));

function makeChoice({ name, label, values, names, play }, { unique, texts, get, set }) {
  const index = (value) => values.indexOf(value);
  const inputs = values.map((value, i) => element("input", { type: "radio", name: `${unique}-${name}`, value: names[i],
    "data-control": name, change: () => set(value) }));
  const options = inputs.map((input, i) => element("label", {}, input, element("span", {}, names[i])));
  const player = play ? makePlay({ label, values, texts }, index, get, (value) => set(value, true)) : null;
  return {
    node: element("fieldset", { class: "mk-control mk-choice" }, element("legend", {}, label),
      ...(player ? [player.button] : []), element("div", {}, ...options)),
    player,
    index,
    words: (value) => names[index(value)],
    show: (value) => (inputs[index(value)].checked = true),
    parse: (string) => valueNamed(values, string),
  };
}

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };

// A place in the plot that follows the pointer; `place` takes it in pixels.
function makeHandle(attributes, panel, place) {
  const handle = element("div", { class: "mk-handle", ...attributes,
    pointerdown: (event) => handle.setPointerCapture(event.pointerId),
    pointermove: (event) => handle.hasPointerCapture(event.pointerId) && place(panel.pixels(event)) });
  panel.node.append(handle);
  return {
    node: handle,
    move: (xy) => (handle.style.transform = `translate(${panel.at(xy).map((x) => `${px(x)}px`).join()})`),
  };
}

function makePoint({ name, label, low, high, step, digits, default: current }, { texts, panel, set }) {
  const output = element("b", { "aria-hidden": "true" });
  const words = (value) => `(${value.map((x) => formatNumber(x, digits)).join(", ")})`;
  const inside = (value) => value.length === 2 && value.every((x, i) => x >= low[i] && x <= high[i]);
  const place = (value) => set(value.map((x, i) => Math.min(high[i], Math.max(low[i], x))));
  const handle = makeHandle({ role: "slider", tabindex: 0, "data-control": name, "aria-label": label,
    "aria-roledescription": texts.point, "aria-valuemin": low[0], "aria-valuemax": high[0],
    keydown: (event) => {
      if (!KEYS[event.key]) return;
      event.preventDefault();
      const length = step * (event.shiftKey ? 5 : 1);
      place(current.map((x, i) => Number((x + length * KEYS[event.key][i]).toFixed(9))));
    } }, panel, (pixels) => place(panel.plane(pixels)));
  return {
    node: element("div", { class: "mk-control" }, element("span", {}, label), output, element("small", {}, texts.drag)),
    handle,
    words,
    show(value) {
      current = value;
      output.textContent = words(value);
      handle.node.setAttribute("aria-valuenow", value[0]);
      handle.node.setAttribute("aria-valuetext", words(value));
    },
    share: (value) => value.map((x, i) => (x - low[i]) / (high[i] - low[i])),
    parse: (string) => [string.split(",").map((x) => (x.trim() ? Number(x) : NaN))].find(inside),
  };
}
