// One interactive figure in two hosts: a widget in Jupyter, plain HTML on a static page. The frames were computed in
// Python (grid.py) and packed into tables (pack.py); here a frame is picked, interpolated where a point is dragged,
// and drawn. No formula of the book lives in this file.

const ARRAYS = { u2: Uint16Array, f4: Float32Array, f8: Float64Array };
const NEGLIGIBLE = 1e-9; // scene.py: norms below this read as 0 and have no direction
const MARGIN = { left: 46, right: 8, top: 8, bottom: 42 }; // pixels around the plot, for ticks and labels

// ---- numbers ------------------------------------------------------------------------------------------------------
function unpackTable({ dtype, columns, data, low, step }) {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const values = new ARRAYS[dtype](bytes.buffer);
  return { columns, at: low ? (i) => low[i % columns] + step[i % columns] * values[i] : (i) => values[i] };
}

const running = (differences, sum = 0) => differences.map((difference) => (sum += difference));

// weights() of grid.py: how much each node counts at a share (s, t) of the dragged point's box.
function nodeWeights(s, t, count) {
  const u = 1 - s - t;
  if (count === 1) return [1];
  if (count === 3) return [u, s, t];
  return [u * (2 * u - 1), s * (2 * s - 1), t * (2 * t - 1), 4 * u * s, 4 * u * t, 4 * s * t];
}

// The rows of one part in one frame; null if the frame is without it, a string if it says words.
function partAt(part, frame, share) {
  const count = part.counts[frame];
  if (count < 0) return count === -1 ? null : part.words[-2 - count];
  const { columns, at } = part.table;
  const weights = nodeWeights(...share, part.nodes);
  const cell = (row, column) => weights.reduce(
    (sum, weight, node) => sum + weight * at(((part.starts[frame] + row) * part.nodes + node) * columns + column), 0);
  return Array.from({ length: count }, (_, row) => Array.from({ length: columns }, (_, column) => cell(row, column)));
}

function formatNumber(value, digits) {
  const size = Math.abs(value);
  if (size < NEGLIGIBLE) return "0";
  if (size >= 0.5 * 10 ** -digits && size < 1e6) return value.toFixed(digits).replace("-", "−");
  const [mantissa, exponent] = value.toExponential(1).split("e");
  const power = String(Number(exponent)).replace(/./g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
  return `${mantissa} × 10${power}`.replace("-", "−");
}

// What a readout states of its numbers: measure() and Readout.__str__() of scene.py.
function readoutText({ rule, unit, digits }, rows) {
  if (typeof rows === "string") return rows;
  const numbers = { value: (v) => v, norm: (v) => [Math.hypot(...v)], angle: degreesBetween }[rule](rows.flat());
  const words = numbers.map((x) => formatNumber(x, digits)).join(", ");
  return words ? (numbers.length === 1 ? words : `(${words})`) + unit : "–";
}

function degreesBetween([a, b, c, d]) { // nothing where a vector vanishes
  if (Math.min(Math.hypot(a, b), Math.hypot(c, d)) < NEGLIGIBLE) return [];
  return [Math.atan2(Math.abs(a * d - b * c), a * c + b * d) * 180 / Math.PI];
}

// ---- small helpers of the page ------------------------------------------------------------------------------------
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
// ---- controls: each shows a value on the page, and reads one from a link (undefined if it is bad) ------------------
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

// ---- drawing: marks as SVG -----------------------------------------------------------------------------------------
const MARKERS = {
  circle: (x, y, r) => `<circle cx="${px(x)}" cy="${px(y)}" r="${r}"/>`,
  square: (x, y, r) => `<rect x="${px(x - r)}" y="${px(y - r)}" width="${2 * r}" height="${2 * r}"/>`,
  diamond: (x, y, r) => closed([[0, -1.35], [1.35, 0], [0, 1.35], [-1.35, 0]].map(([a, b]) => [x + r * a, y + r * b])),
  star: (x, y, r) => closed([...Array(10).keys()].map((i) => [i * Math.PI / 5, (i % 2 ? 0.8 : 2.1) * r])
    .map(([turn, length]) => [x + length * Math.sin(turn), y - length * Math.cos(turn)])),
  handle: (x, y) => `<circle class="mk-ring" cx="${px(x)}" cy="${px(y)}" r="8"/>`,
};

const polyline = (points) => `M${points.map((p) => p.map(px).join(" ")).join("L")}`;
const closed = (points, attributes = "") => `<path d="${polyline(points)}z" ${attributes}/>`;
const stroke = ({ color, dash, width }) =>
  `fill="none" stroke="${color}" stroke-width="${width}" stroke-dasharray="${dash.join(" ")}"`;

// Each kind takes the mark, its rows, the map from the plane to pixels, and the common scale of all arrows.
const DRAW = {
  line: ({ style }, rows, at) => `<path d="${polyline(rows.map(at))}" ${stroke(style)}/>`,
  path: (mark, rows, at) => DRAW.line(mark, rows, at) + DRAW.points({ ...mark, size: 3.2 }, rows.slice(1), at),
  points: ({ style, size = 4.5 }, rows, at) => `<g class="mk-points" fill="${style.color}">${
    rows.map((row) => MARKERS[style.marker](...at(row), size)).join("")}</g>`,
  area: ({ style }, rows, at) => closed(rows.map(at), `fill="${style.color}" fill-opacity=".15"`),
  bars: ({ style }, rows, at) => rows.map(([x, y]) => closed(
    [at([x - 0.35, 0]), at([x - 0.35, y]), at([x + 0.35, y]), at([x + 0.35, 0])],
    `style="fill:${style.color};fill-opacity:.5" ${stroke(style)}`)).join(""),
  arrow({ style }, [tail, vector], at, scale) {
    const [from, to] = [at(tail), at(tail.map((x, i) => x + scale * vector[i]))];
    const length = Math.hypot(to[0] - from[0], to[1] - from[1]);
    if (length < 1) return "";
    const [ux, uy] = [(to[0] - from[0]) / length, (to[1] - from[1]) / length];
    const head = Math.min(15, length * 0.6);
    const corner = (along, across) =>
      [to[0] - head * (along * ux + across * uy), to[1] - head * (along * uy - across * ux)];
    return `<path d="${polyline([from, corner(0.8, 0)])}" ${stroke(style)}/>${
      closed([to, corner(1, 0.48), corner(0.78, 0), corner(1, -0.48)], `fill="${style.color}"`)}`;
  },
  ellipses({ style, radii }, [centre, ...halfAxes], at) {
    const o = at(centre);
    const columns = halfAxes.map((half) => at(half.map((x, i) => x + centre[i])).map((x, i) => x - o[i]));
    const circles = radii.map((r) => `<circle r="${r}" vector-effect="non-scaling-stroke"/>`).join("");
    const matrix = [...columns.flat(), ...o].map((x) => x.toFixed(3)).join(" ");
    return `<g class="mk-contours" transform="matrix(${matrix})" ${stroke({ ...style, width: 1.2 })}>${circles}</g>`;
  },
};

// A tag stands beside the last point or the arrow's head; on ellipses it labels a ring, at its lowest point.
function drawTag({ kind, tag, style, radii }, rows, at, scale) {
  const [first, a, b] = rows;
  const lowest = (i) => first[i] - (radii.at(-2) ?? radii[0]) * (a[i] * a[1] + b[i] * b[1]) / Math.hypot(a[1], b[1]);
  const tip = { arrow: (i) => first[i] + scale * a[i], ellipses: lowest }[kind] || ((i) => rows.at(-1)[i]);
  const [x, y] = at([tip(0), tip(1)]);
  const [dx, dy, anchor] = kind === "ellipses" ? [0, 5, "middle"] : [9, -9, "start"];
  return `<text x="${px(x + dx)}" y="${px(y + dy)}" text-anchor="${anchor}" fill="${style.color}">${escape(tag)}</text>`;
}

function drawAxes({ xlim, ylim, xticks, yticks, xlabel, ylabel }, at) {
  const [[left, bottom], [right, top]] = [at([xlim[0], ylim[0]]), at([xlim[1], ylim[1]])];
  const digits = (ticks) => Math.max(...ticks.map((tick) => (String(tick).split(".")[1] || "").length));
  const [xs, ys] = [xticks.map((tick) => at([tick, ylim[0]])[0]), yticks.map((tick) => at([xlim[0], tick])[1])];
  const text = (attributes, words) => `<text ${attributes}>${escape(words)}</text>`;
  return `<path class="mk-grid" d="${xs.map((x) => `M${px(x)} ${top}V${bottom}`).join("")}${
    ys.map((y) => `M${left} ${px(y)}H${right}`).join("")}"/><path d="M${left} ${top}V${bottom}H${right}"/>
    <g text-anchor="middle">${
    xs.map((x, i) => text(`x="${px(x)}" y="${bottom + 17}"`, formatNumber(xticks[i], digits(xticks)))).join("")}${
    text(`x="${(left + right) / 2}" y="${bottom + 36}"`, xlabel)}${
    text(`transform="translate(13 ${(top + bottom) / 2}) rotate(-90)"`, ylabel)}</g><g text-anchor="end">${
    ys.map((y, i) => text(`x="${left - 7}" y="${px(y + 4)}"`, formatNumber(yticks[i], digits(yticks)))).join("")}</g>`;
}

const SAMPLES = { line: [[1, 8], [29, 8]], path: [[1, 8], [12, 8], [26, 8]], points: [[15, 8]],
  arrow: [[1, 8], [28, 0]], area: [[4, 2], [26, 2], [26, 14], [4, 14]] };

function swatch(mark) { // the mark itself, small: pixels stand for the plane
  const kind = { bars: "area", ellipses: "line" }[mark.kind] || mark.kind;
  return `<svg width="30" height="16" aria-hidden="true">${DRAW[kind](mark, SAMPLES[kind], (p) => p, 1)}</svg>`;
}

// ---- the figure ----------------------------------------------------------------------------------------------------
let figures = 0; // keeps ids and radio groups of several figures apart
function mount(root, model, link) {
  const spec = model.get("spec");
  const { texts, axes } = spec;
  const unique = `mk${Date.now().toString(36)}${figures++}`;
  const tables = Object.fromEntries(Object.entries(spec.tables).map(([name, table]) => [name, unpackTable(table)]));
  const unpack = ({ table, starts, counts, ...part }) =>
    ({ ...part, table: tables[table], starts: running(starts), counts: running(counts) });
  const readouts = spec.readouts.map(unpack);
  const marks = spec.marks.map(unpack).map((mark) =>
    ({ ...mark, key: mark.label || mark.name, style: { ...spec.roles[mark.role], color: `var(--mk-${mark.role})` } }));
  const hidden = new Set(marks.filter((mark) => !mark.visible).map((mark) => mark.key));

  const plot = element("div", { class: "mk-plot" });
  plot.innerHTML = `<svg role="img"><clipPath id="${unique}"><rect/></clipPath><g class="mk-axes"></g>
    <g clip-path="url(#${unique})"></g></svg>`;
  const [svg, box, axesLayer, markLayer] = plot.querySelectorAll("svg, rect, g");
  const numbers = element("div", { class: "mk-readouts" });
  const table = element("table");
  const details = element("details", { toggle: () => details.open && fillTable(content()) },
    element("summary", {}, texts.table), element("div", { tabindex: 0 }, table));
  const note = element("span", { class: "mk-note", role: "status" });
  const live = element("p", { class: "mk-live", "aria-live": "polite" });

  // One unit of the drawing is one pixel, so that text keeps its size on a narrow screen.
  let [width, height] = [0, 0]; // of the plot within its margins
  const [xspan, yspan] = [axes.xlim, axes.ylim].map(([low, high]) => high - low);
  const at = ([x, y]) => [MARGIN.left + (x - axes.xlim[0]) / xspan * width,
    MARGIN.top + height - (y - axes.ylim[0]) / yspan * height];
  const toPlane = (clientX, clientY) => {
    const { left, top } = svg.getBoundingClientRect();
    return [axes.xlim[0] + (clientX - left - MARGIN.left) / width * xspan,
      axes.ylim[0] + (top + MARGIN.top + height - clientY) / height * yspan];
  };

  // The state lives in the model: one trait for each control.
  const make = { slider: makeSlider, choice: makeChoice, point: makePoint };
  const controls = spec.controls.map((control) => {
    const set = (value) => { model.set(control.name, value); model.save_changes(); };
    const made = make[control.kind](control, set, { unique, toPlane, texts });
    return { ...control, ...made, set, get: () => model.get(control.name) };
  });
  const point = controls.find((control) => control.kind === "point");
  const steps = controls.filter((control) => control !== point);

  function content() { // [part, rows] of all marks and readouts that the present frame has
    const frame = steps.reduce((sum, control) => sum * control.values.length + control.index(control.get()), 0);
    const share = point ? point.share(point.get()) : [0, 0];
    const present = (parts) => parts.map((part) => [part, partAt(part, frame, share)]).filter(([, rows]) => rows);
    return { marks: present(marks), readouts: present(readouts) };
  }

  function draw() {
    const now = content();
    const lengths = now.marks.filter(([mark]) => mark.kind === "arrow").map(([, rows]) => Math.hypot(...rows[1]));
    const scale = spec.arrows ? spec.arrows.longest / Math.max(...lengths, spec.arrows.full_at) : 1;
    const shown = now.marks.filter(([mark]) => !hidden.has(mark.key));
    const tags = shown.filter(([mark]) => mark.tag).map(([mark, rows]) => drawTag(mark, rows, at, scale));
    markLayer.innerHTML = `${shown.map(([mark, rows]) => DRAW[mark.kind](mark, rows, at, scale)).join("")}
      <g class="mk-tags">${tags.join("")}</g>`;
    numbers.replaceChildren(...now.readouts.map(([readout, rows]) => element("div", {},
      element("span", {}, readout.label), element("b", { "data-readout": readout.name }, readoutText(readout, rows)))));
    controls.forEach((control) => control.show(control.get()));
    if (point) point.handle.style.transform = `translate(${at(point.get()).map((x) => `${px(x)}px`).join()})`;
    if (details.open) fillTable(now);
    clearTimeout(speak.timer);
    speak.timer = setTimeout(speak, 400); // a screen reader hears where a movement ended, not every step of it
  }

  function speak() {
    const state = controls.map((control) => `${control.label} ${control.words(control.get())}`).join(", ");
    const read = [...numbers.children].map((row) => `${row.firstChild.textContent}: ${row.lastChild.textContent}`);
    live.textContent = `${[state, ...read].join(". ")}.`;
    svg.setAttribute("aria-label", `${spec.alt} ${live.textContent}`);
  }

  function fillTable(now) {
    const row = (cells, tag) => element("tr", {}, ...cells.map((cell) => element(tag, {}, cell)));
    table.replaceChildren(row([texts.mark, texts.x, texts.y], "th"), ...now.marks.flatMap(([mark, rows]) =>
      rows.map((xy, i) => row([i ? "" : mark.key, ...xy.map((x) => formatNumber(x, 3))], "td"))));
  }

  function legend() { // one box for each label; the last mark of that label lends its look
    const looks = new Map(marks.filter((mark) => mark.label).map((mark) => [mark.label, mark]));
    const entries = [...looks].map(([label, mark]) => {
      const change = (event) => { hidden[event.target.checked ? "delete" : "add"](label); draw(); };
      const entry = element("label", {}, element("input", { type: "checkbox", change }));
      entry.firstChild.checked = !hidden.has(label);
      entry.insertAdjacentHTML("beforeend", `${swatch(mark)}<span>${escape(label)}</span>`);
      return entry;
    });
    return element("div", { class: "mk-legend", role: "group", "aria-label": texts.legend }, ...entries);
  }

  function resize() {
    const inner = plot.clientWidth - MARGIN.left - MARGIN.right;
    if (inner === width || inner < 100) return;
    [width, height] = [inner, Math.round(inner * (axes.equal ? yspan / xspan : 0.62))];
    svg.setAttribute("viewBox", `0 0 ${plot.clientWidth} ${height + MARGIN.top + MARGIN.bottom}`);
    const frame = { x: MARGIN.left, y: MARGIN.top, width, height };
    for (const name in frame) box.setAttribute(name, frame[name]);
    axesLayer.innerHTML = drawAxes(axes, at);
    paint();
    draw();
  }

  function paint() { // light or dark is what the page's own text says
    const [r, g, b] = getComputedStyle(root.parentElement).color.match(/[\d.]+/g) ?? [0, 0, 0]; // none while detached
    const dark = 0.299 * r + 0.587 * g + 0.114 * b > 128;
    root.toggleAttribute("data-dark", dark);
    for (const role in spec.roles) root.style.setProperty(`--mk-${role}`, spec.roles[role][dark ? "dark" : "light"]);
  }

  // Links: #name:alpha=0.3&theta=0.5,1. What is unknown or out of range is left alone.
  function readLink() {
    if (!location.hash.startsWith(`#${spec.name}:`)) return;
    const fields = new URLSearchParams(location.hash.slice(spec.name.length + 2));
    for (const control of controls) {
      const value = fields.has(control.name) ? control.parse(fields.get(control.name)) : undefined;
      if (value !== undefined) control.set(value);
    }
    root.scrollIntoView();
  }

  async function writeLink() {
    history.replaceState(null, "", `#${spec.name}:${controls.map((c) => `${c.name}=${c.get()}`).join("&")}`);
    const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
    note.textContent = copied ? texts.copied : texts.in_address;
    setTimeout(() => (note.textContent = ""), 4000);
  }

  const button = (words, click) => element("button", { type: "button", click }, words);
  const buttons = [button(texts.reset, () => controls.forEach((control) => control.set(control.default)))];
  if (link) buttons.push(button(texts.link, writeLink));
  const panel = element("div", { class: "mk-panel" }, ...controls.map((control) => control.node), numbers,
    element("div", { class: "mk-buttons" }, ...buttons, note));
  if (point) plot.append(point.handle);
  root.append(element("div", { class: "mk-body" }, plot, panel, legend()), details, live);

  const events = controls.map((control) => `change:${control.name}`);
  events.forEach((event) => model.on(event, draw));
  const gone = new AbortController();
  const themes = new MutationObserver(paint);
  [document.documentElement, document.body].forEach((node) => themes.observe(node, { attributes: true }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint, { signal: gone.signal });
  const sizes = new ResizeObserver(resize);
  sizes.observe(plot);
  resize();
  if (link) addEventListener("hashchange", readLink);
  if (link) readLink();
  return () => {
    gone.abort();
    events.forEach((event) => model.off(event, draw));
    [themes, sizes].forEach((observer) => observer.disconnect());
    clearTimeout(speak.timer);
  };
}

// ---- the two hosts -------------------------------------------------------------------------------------------------
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
