// One interactive figure, in two hosts: an anywidget in Jupyter, and plain HTML on a static page.
//
// The frames were computed in Python (grid.py) and packed into tables (pack.py). Here a frame is picked, interpolated
// where a point is dragged, and drawn: no formula of the book lives in this file.

const ARRAYS = { u2: Uint16Array, f4: Float32Array, f8: Float64Array };
const NEGLIGIBLE = 1e-9; // scene.py: norms below this read as 0 and have no direction
const MARGIN = { left: 46, right: 10, top: 8, bottom: 42 };

// ---- numbers ------------------------------------------------------------------------------------------------------

function unpackTable({ dtype, columns, data, low, step }) {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const values = new ARRAYS[dtype](bytes.buffer);
  const at = low ? (i) => low[i % columns] + step[i % columns] * values[i] : (i) => values[i];
  return { columns, at };
}

function running(differences) {
  let sum = 0;
  return differences.map((difference) => (sum += difference));
}

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
  const rows = [];
  for (let r = part.starts[frame]; r < part.starts[frame] + count; r++) {
    const row = new Array(columns).fill(0);
    weights.forEach((w, node) => {
      for (let c = 0; c < columns; c++) row[c] += w * at((r * part.nodes + node) * columns + c);
    });
    rows.push(row);
  }
  return rows;
}

export function formatNumber(value, digits) {
  const size = Math.abs(value);
  if (size < NEGLIGIBLE) return "0";
  if (size >= 0.5 * 10 ** -digits && size < 1e6) return value.toFixed(digits).replace("-", "−");
  const [mantissa, exponent] = value.toExponential(1).split("e");
  const power = String(Number(exponent)).replace(/./g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
  return `${mantissa} × 10${power}`.replace("-", "−");
}

// What a readout states of its numbers: measure() and Readout.__str__ of scene.py.
function readoutText({ rule, unit, digits }, rows) {
  if (typeof rows === "string") return rows;
  const v = rows.map(([x]) => x);
  if (rule === "norm") return formatNumber(Math.hypot(...v), digits) + unit;
  if (rule === "angle") {
    const [a, b, c, d] = v;
    if (Math.min(Math.hypot(a, b), Math.hypot(c, d)) < NEGLIGIBLE) return "–";
    const degrees = (Math.atan2(Math.abs(a * d - b * c), a * c + b * d) * 180) / Math.PI;
    return formatNumber(degrees, digits) + unit;
  }
  const parts = v.map((x) => formatNumber(x, digits)).join(", ");
  return (v.length === 1 ? parts : `(${parts})`) + unit;
}

// ---- small helpers of the page ------------------------------------------------------------------------------------

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const escape = (words) => words.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const clamp = (x, low, high) => Math.min(high, Math.max(low, x));
const px = (x) => x.toFixed(1);

function isLightText(node) {
  const [r, g, b] = getComputedStyle(node).color.match(/[\d.]+/g).map(Number);
  return 0.299 * r + 0.587 * g + 0.114 * b > 128;
}

// ---- controls -----------------------------------------------------------------------------------------------------

// A control knows: its parts on the page, how to show a value, how to read one from a link (undefined if it is bad).
function makeSlider(control, set) {
  const last = control.values.length - 1;
  const input = element("input", { type: "range", min: 0, max: last, step: 1, "data-control": control.name });
  const output = element("output");
  const words = (value) => formatNumber(value, control.digits) + control.unit;
  const index = (value) => control.values.reduce(
    (best, x, i) => (Math.abs(x - value) < Math.abs(control.values[best] - value) ? i : best), 0);
  input.addEventListener("input", () => set(control.values[input.valueAsNumber]));
  return {
    node: element("label", { class: "mk-control" }, element("span", {}, control.label), output, input),
    index,
    words,
    show(value) {
      input.value = index(value);
      input.setAttribute("aria-valuetext", words(value));
      output.textContent = words(value);
    },
    parse(string) {
      const value = Number(string);
      const inside = string.trim() && value >= control.values[0] && value <= control.values[last];
      return inside ? control.values[index(value)] : undefined;
    },
    write: (value) => String(value),
  };
}

function makeChoice(control, set, unique) {
  const inputs = control.values.map((value, i) => {
    const input = element("input", { type: "radio", name: `${unique}-${control.name}`, value: control.names[i] });
    input.dataset.control = control.name;
    input.addEventListener("change", () => set(value));
    return input;
  });
  const options = inputs.map((input, i) => element("label", {}, input, element("span", {}, control.names[i])));
  const index = (value) => control.values.indexOf(value);
  return {
    node: element("fieldset", { class: "mk-control mk-choice" },
      element("legend", {}, control.label), element("div", {}, ...options)),
    index,
    words: (value) => control.names[index(value)],
    show: (value) => (inputs[index(value)].checked = true),
    parse: (string) => control.values[control.values.map(String).indexOf(string)],
    write: (value) => String(value),
  };
}

function makePoint(control, set, toPlane, texts) {
  const words = (value) => `(${value.map((x) => formatNumber(x, control.digits)).join(", ")})`;
  const output = element("output");
  const handle = element("div", { class: "mk-handle", role: "slider", tabindex: 0, "aria-label": control.label,
    "aria-roledescription": texts.point, "aria-valuemin": control.low[0], "aria-valuemax": control.high[0],
    "data-control": control.name });
  let current = control.default;
  const place = (point) => set(point.map((x, i) => clamp(x, control.low[i], control.high[i])));
  handle.addEventListener("pointerdown", (event) => {
    handle.setPointerCapture(event.pointerId);
    handle.focus({ preventScroll: true });
    event.preventDefault();
  });
  handle.addEventListener("pointermove", (event) => {
    if (handle.hasPointerCapture(event.pointerId)) place(toPlane(event.clientX, event.clientY));
  });
  const keys = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
  handle.addEventListener("keydown", (event) => {
    if (!keys[event.key]) return;
    event.preventDefault();
    const step = control.step * (event.shiftKey ? 5 : 1);
    place(current.map((x, i) => Number((x + step * keys[event.key][i]).toFixed(9))));
  });
  return {
    node: element("div", { class: "mk-control" },
      element("span", {}, control.label), output, element("small", {}, texts.drag)),
    handle,
    words,
    show(value) {
      current = value;
      output.textContent = words(value);
      handle.setAttribute("aria-valuenow", value[0]);
      handle.setAttribute("aria-valuetext", words(value));
    },
    share: (value) => value.map((x, i) => (x - control.low[i]) / (control.high[i] - control.low[i])),
    parse(string) {
      const value = string.split(",").map(Number);
      const inside = value.length === 2 && value.every((x, i) => x >= control.low[i] && x <= control.high[i]);
      return inside ? value : undefined;
    },
    write: (value) => value.map((x) => Number(x.toFixed(4))).join(","),
  };
}

// ---- drawing ------------------------------------------------------------------------------------------------------

const MARKERS = {
  circle: (x, y, r) => `<circle cx="${px(x)}" cy="${px(y)}" r="${r}"/>`,
  square: (x, y, r) => `<rect x="${px(x - r)}" y="${px(y - r)}" width="${2 * r}" height="${2 * r}"/>`,
  diamond: (x, y, r) => `<path d="M${px(x)} ${px(y - 1.35 * r)}l${1.35 * r} ${1.35 * r}l${-1.35 * r} ${1.35 * r}l${
    -1.35 * r} ${-1.35 * r}z"/>`,
  star(x, y, r) {
    const tip = (i) => [x + (i % 2 ? 0.8 : 2.1) * r * Math.sin((i * Math.PI) / 5),
      y - (i % 2 ? 0.8 : 2.1) * r * Math.cos((i * Math.PI) / 5)].map(px).join(" ");
    return `<path d="M${[0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(tip).join("L")}z"/>`;
  },
  handle: (x, y) => `<circle class="mk-ring" cx="${px(x)}" cy="${px(y)}" r="8"/>`,
};

const polyline = (points) => `M${points.map((p) => p.map(px).join(" ")).join("L")}`;

// Each kind of mark as SVG. `at` maps a point of the plane to pixels, `turn` a vector; `style` is the role's.
const DRAW = {
  line: (points, at, style) => `<path d="${polyline(points.map(at))}" ${stroke(style)}/>`,
  path: (points, at, style) => DRAW.line(points, at, style) + DRAW.points(points.slice(1), at, style, 3.2),
  points: (points, at, style, size = 4.5) => `<g class="mk-points" fill="${style.color}">${
    points.map((p) => MARKERS[style.marker](...at(p), size)).join("")}</g>`,
  area: (points, at, style) => `<path d="${polyline(points.map(at))}z" fill="${style.color}" fill-opacity=".15"/>`,
  bars(points, at, style) {
    const width = 0.7 * Math.abs(at([1, 0])[0] - at([0, 0])[0]);
    return points.map(([x, y]) => {
      const [[left, top], [, base]] = [at([x, y]), at([x, 0])];
      return `<rect x="${px(left - width / 2)}" y="${px(Math.min(top, base))}" width="${px(width)}" height="${
        px(Math.abs(base - top))}" fill="${style.color}" fill-opacity=".55" ${stroke({ ...style, width: 1.4 }, "")}/>`;
    }).join("");
  },
  arrow([tail, vector], at, style, _, scale) {
    const [from, to] = [at(tail), at([tail[0] + scale * vector[0], tail[1] + scale * vector[1]])];
    const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    const length = Math.hypot(dx, dy);
    if (length < 1) return "";
    const head = Math.min(15, length * 0.6);
    const [ux, uy] = [dx / length, dy / length];
    const corner = (along, across) => [to[0] - along * ux - across * uy, to[1] - along * uy + across * ux];
    return `<path d="${polyline([from, corner(head * 0.8, 0)])}" ${stroke(style)}/><path d="${polyline(
      [to, corner(head, head * 0.48), corner(head * 0.78, 0), corner(head, -head * 0.48)])}z" fill="${style.color}"/>`;
  },
  ellipses([centre, a, b], at, style, _, __, radii) {
    const [o, p, q] = [at(centre), at([centre[0] + a[0], centre[1] + a[1]]), at([centre[0] + b[0], centre[1] + b[1]])];
    const matrix = [p[0] - o[0], p[1] - o[1], q[0] - o[0], q[1] - o[1], ...o].map((x) => x.toFixed(3)).join(" ");
    const circles = radii.map((r) => `<circle r="${r}" vector-effect="non-scaling-stroke"/>`).join("");
    return `<g class="mk-contours" transform="matrix(${matrix})" ${stroke({ ...style, width: 1.2 })}>${circles}</g>`;
  },
};

function stroke({ color, dash, width }, fill = ' fill="none"') {
  return `stroke="${color}" stroke-width="${width}" stroke-dasharray="${dash.join(" ")}"${fill}`;
}

function drawMarks(marks, rowsOf, at, scale, hidden) {
  const [shapes, tags] = [[], []];
  for (const mark of marks) {
    const rows = rowsOf(mark);
    if (!rows || hidden.has(mark.label || mark.name)) continue;
    shapes.push(DRAW[mark.kind](rows, at, mark.style, undefined, scale, mark.radii));
    const [x, y] = at(mark.kind === "ellipses" ? rows[0] : rows.at(-1));
    if (mark.tag) tags.push(`<text x="${px(x + 9)}" y="${px(y - 9)}" fill="${mark.style.color}">${escape(mark.tag)}</text>`);
  }
  return `${shapes.join("")}<g class="mk-tags">${tags.join("")}</g>`;
}

// Axes with grid, ticks and labels, in a box of the given pixels.
function drawAxes(axes, width, height, at) {
  const [left, bottom] = [MARGIN.left, height - MARGIN.bottom];
  const [right, top] = [width - MARGIN.right, MARGIN.top];
  const digits = (ticks) => Math.max(...ticks.map((tick) => (String(tick).split(".")[1] || "").length));
  const [xd, yd] = [digits(axes.xticks), digits(axes.yticks)];
  const vertical = axes.xticks.map((tick) => [at([tick, axes.ylim[0]])[0], formatTick(tick, xd)]);
  const level = axes.yticks.map((tick) => [at([axes.xlim[0], tick])[1], formatTick(tick, yd)]);
  return `<g class="mk-grid">${vertical.map(([x]) => `<path d="M${px(x)} ${top}V${bottom}"/>`).join("")}${
    level.map(([y]) => `<path d="M${left} ${px(y)}H${right}"/>`).join("")}</g>
    <path class="mk-spine" d="M${left} ${top}V${bottom}H${right}"/><g class="mk-ticks">${
    vertical.map(([x, t]) => `<text x="${px(x)}" y="${bottom + 17}" text-anchor="middle">${t}</text>`).join("")}${
    level.map(([y, t]) => `<text x="${left - 7}" y="${px(y + 4)}" text-anchor="end">${t}</text>`).join("")}
    <text x="${(left + right) / 2}" y="${height - 6}" text-anchor="middle">${escape(axes.xlabel)}</text>
    <text transform="translate(13 ${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escape(axes.ylabel)}</text></g>`;
}

const formatTick = (tick, digits) => tick.toFixed(digits).replace("-", "−");

function swatch(marks) {
  const at = ([x, y]) => [x, y];
  const icons = marks.map(({ kind, style }) => {
    if (kind === "arrow") return DRAW.arrow([[2, 8], [32, 0]], at, style, undefined, 1);
    if (kind === "points") return DRAW.points([[18, 8]], at, style);
    if (kind === "bars" || kind === "area") return `<rect x="8" y="2" width="20" height="12" fill="${style.color}" fill-opacity=".4"/>`;
    const line = DRAW.line([[2, 8], [34, 8]], at, kind === "ellipses" ? { ...style, width: 1.3 } : style);
    return line + (kind === "path" ? DRAW.points([[18, 8]], at, style, 3.2) : "");
  });
  return `<svg width="36" height="16" viewBox="0 0 36 16" aria-hidden="true">${icons[0]}</svg>`;
}

// ---- the figure ---------------------------------------------------------------------------------------------------

let mounted = 0; // keeps the radio groups of several figures apart

function mount(root, model, link) {
  const spec = model.get("spec");
  const texts = spec.texts;
  const unique = `mk${Date.now().toString(36)}${mounted++}`;
  const tables = Object.fromEntries(Object.entries(spec.tables).map(([name, table]) => [name, unpackTable(table)]));
  const unpack = (part) => ({ ...part, table: tables[part.table], starts: running(part.starts), counts: running(part.counts) });
  const readouts = spec.readouts.map(unpack);
  const marks = spec.marks.map((mark) => ({ ...unpack(mark), style: { ...spec.roles[mark.role], color: `var(--mk-${mark.role})` } }));
  const hidden = new Set(marks.filter((mark) => !mark.visible).map((mark) => mark.label || mark.name));

  // The page.
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("role", "img");
  svg.innerHTML = `<defs><clipPath id="${unique}"><rect/></clipPath></defs><g></g><g clip-path="url(#${unique})"></g>`;
  const [axesLayer, markLayer] = svg.querySelectorAll("svg > g");
  const plot = element("div", { class: "mk-plot" }, svg);
  const legend = element("div", { class: "mk-legend", role: "group", "aria-label": texts.legend });
  const numbers = element("dl", { class: "mk-readouts" });
  const live = element("p", { class: "mk-live", "aria-live": "polite" });
  const table = element("table");
  const details = element("details", {}, element("summary", {}, texts.table), element("div", {}, table));
  const note = element("span", { class: "mk-note", role: "status" });
  const reset = element("button", { type: "button" }, texts.reset);
  const copy = element("button", { type: "button" }, texts.link);
  const panel = element("div", { class: "mk-panel" });

  // Geometry: one unit of the drawing is one pixel, so that text keeps its size on a narrow screen.
  const { xlim, ylim, equal } = spec.axes;
  let size = [0, 0];
  const at = ([x, y]) => [
    MARGIN.left + ((x - xlim[0]) / (xlim[1] - xlim[0])) * (size[0] - MARGIN.left - MARGIN.right),
    size[1] - MARGIN.bottom - ((y - ylim[0]) / (ylim[1] - ylim[0])) * (size[1] - MARGIN.top - MARGIN.bottom)];
  const toPlane = (clientX, clientY) => {
    const box = svg.getBoundingClientRect();
    const [s, t] = [(clientX - box.left - MARGIN.left) / (size[0] - MARGIN.left - MARGIN.right),
      (box.bottom - MARGIN.bottom - clientY) / (size[1] - MARGIN.top - MARGIN.bottom)];
    return [xlim[0] + s * (xlim[1] - xlim[0]), ylim[0] + t * (ylim[1] - ylim[0])];
  };

  // State lives in the model: one trait for each control.
  const set = (name) => (value) => { model.set(name, value); model.save_changes(); };
  const make = { slider: makeSlider, choice: makeChoice };
  const controls = spec.controls.map((control) => {
    const change = set(control.name);
    const made = control.kind === "point" ? makePoint(control, change, toPlane, texts)
      : make[control.kind](control, change, unique);
    return { ...control, ...made };
  });
  const point = controls.find((control) => control.kind === "point");
  const steps = controls.filter((control) => control.kind !== "point");
  const value = (control) => model.get(control.name);

  function rowsNow() {
    const frame = steps.reduce((index, control) => index * control.values.length + control.index(value(control)), 0);
    const share = point ? point.share(value(point)) : [0, 0];
    return (part) => partAt(part, frame, share);
  }

  function draw() {
    if (!size[0]) return;
    const rowsOf = rowsNow();
    const lengths = marks.filter((mark) => mark.kind === "arrow").map((mark) => Math.hypot(...(rowsOf(mark) || [, [0, 0]])[1]));
    const scale = spec.arrows ? spec.arrows.longest / Math.max(...lengths, spec.arrows.full_at) : 1;
    markLayer.innerHTML = drawMarks(marks, rowsOf, at, scale, hidden);
    const words = readouts.map((readout) => [readout, rowsOf(readout)]).filter(([, rows]) => rows !== null);
    numbers.replaceChildren(...words.flatMap(([readout, rows]) => [element("dt", {}, readout.label),
      element("dd", { "data-readout": readout.name }, readoutText(readout, rows))]));
    controls.forEach((control) => control.show(value(control)));
    if (point) {
      const [x, y] = at(value(point));
      point.handle.style.transform = `translate(${px(x)}px, ${px(y)}px)`;
    }
    if (details.open) fillTable(rowsOf);
    speak();
  }

  function sentence() {
    const state = controls.map((control) => `${control.label} ${control.words(value(control))}`);
    const read = [...numbers.children].map((child) => child.textContent);
    const said = read.filter((_, i) => i % 2 === 0).map((label, i) => `${label}: ${read[2 * i + 1]}`);
    return `${state.join(", ")}. ${said.join(". ")}.`;
  }

  let timer;
  function speak() { // a screen reader hears where a movement ended, not every step of it
    clearTimeout(timer);
    timer = setTimeout(() => {
      live.textContent = sentence();
      svg.setAttribute("aria-label", `${spec.alt} ${live.textContent}`);
    }, 400);
  }

  function fillTable(rowsOf) {
    const row = (cells, tag) => element("tr", {}, ...cells.map((cell) => element(tag, {}, cell)));
    const body = marks.flatMap((mark) => (rowsOf(mark) || []).map((xy, i) =>
      row([i ? "" : mark.label || mark.tag, ...xy.map((x) => formatNumber(x, 3))], "td")));
    table.replaceChildren(row([texts.mark, texts.x, texts.y], "th"), ...body);
  }

  // The legend: one button for each label.
  for (const label of new Set(marks.map((mark) => mark.label).filter(Boolean))) {
    const button = element("button", { type: "button", "aria-pressed": String(!hidden.has(label)) });
    button.innerHTML = swatch(marks.filter((mark) => mark.label === label)) + escape(label);
    button.addEventListener("click", () => {
      if (!hidden.delete(label)) hidden.add(label);
      button.setAttribute("aria-pressed", String(!hidden.has(label)));
      draw();
    });
    legend.append(button);
  }

  function resize() {
    const width = Math.floor(plot.clientWidth);
    const inner = width - MARGIN.left - MARGIN.right;
    const ratio = equal ? (ylim[1] - ylim[0]) / (xlim[1] - xlim[0]) : 0.62;
    if (inner <= 0 || width === size[0]) return;
    size = [width, Math.round(inner * ratio) + MARGIN.top + MARGIN.bottom];
    svg.setAttribute("viewBox", `0 0 ${size.join(" ")}`);
    svg.style.height = `${size[1]}px`;
    const box = { x: MARGIN.left, y: MARGIN.top, width: inner, height: size[1] - MARGIN.top - MARGIN.bottom };
    Object.entries(box).forEach(([name, x]) => svg.querySelector("rect").setAttribute(name, x));
    axesLayer.innerHTML = drawAxes(spec.axes, ...size, at);
    draw();
  }

  function paint() { // light or dark is what the page's own text says
    const dark = isLightText(root.parentElement || root);
    root.toggleAttribute("data-dark", dark);
    for (const [role, style] of Object.entries(spec.roles)) root.style.setProperty(`--mk-${role}`, dark ? style.dark : style.light);
  }

  // Links: #id:alpha=0.3&theta=0.5,1. What is unknown or out of range is left out.
  function readLink() {
    const [id, state] = [location.hash.slice(1, spec.name.length + 1), location.hash.slice(spec.name.length + 2)];
    if (id !== spec.name || location.hash[spec.name.length + 1] !== ":") return;
    const fields = new URLSearchParams(state);
    for (const control of controls) {
      const parsed = fields.has(control.name) ? control.parse(fields.get(control.name)) : undefined;
      if (parsed !== undefined) set(control.name)(parsed);
    }
    root.scrollIntoView({ block: "nearest" });
  }

  async function writeLink() {
    const state = controls.map((control) => `${control.name}=${control.write(value(control))}`).join("&");
    history.replaceState(null, "", `#${spec.name}:${state}`);
    try {
      await navigator.clipboard.writeText(location.href);
      note.textContent = texts.copied;
    } catch { // no clipboard on this page: the address bar has it
      note.textContent = texts.in_address;
    }
    setTimeout(() => (note.textContent = ""), 4000);
  }

  reset.addEventListener("click", () => controls.forEach((control) => set(control.name)(control.default)));
  copy.addEventListener("click", writeLink);
  details.addEventListener("toggle", () => details.open && fillTable(rowsNow()));
  if (point) plot.append(point.handle);
  panel.append(...controls.map((control) => control.node), numbers,
    element("div", { class: "mk-buttons" }, reset, ...(link ? [copy] : []), note));
  root.append(element("div", { class: "mk-body" }, element("div", { class: "mk-figure" }, plot, legend), panel), details, live);

  const events = controls.map((control) => `change:${control.name}`);
  events.forEach((event) => model.on(event, draw));
  const themes = new MutationObserver(paint);
  for (const node of [document.documentElement, document.body]) themes.observe(node, { attributes: true });
  const preference = matchMedia("(prefers-color-scheme: dark)");
  preference.addEventListener("change", paint);
  const sizes = new ResizeObserver(resize);
  sizes.observe(plot);
  if (link) addEventListener("hashchange", readLink);
  paint();
  resize();
  if (link) readLink();
  return () => {
    events.forEach((event) => model.off(event, draw));
    [themes, sizes].forEach((observer) => observer.disconnect());
    preference.removeEventListener("change", paint);
    removeEventListener("hashchange", readLink);
    clearTimeout(timer);
  };
}

// ---- the two hosts ------------------------------------------------------------------------------------------------

// Where there is no kernel, this stands in for the widget's model.
class Model {
  #state;
  #listeners = {};
  constructor(spec) {
    this.#state = { spec, ...Object.fromEntries(spec.controls.map((control) => [control.name, control.default])) };
  }
  get(name) { return this.#state[name]; }
  set(name, value) {
    this.#state[name] = value;
    (this.#listeners[`change:${name}`] || []).forEach((listener) => listener());
  }
  on(event, listener) { (this.#listeners[event] ||= []).push(listener); }
  off(event, listener) { this.#listeners[event] = this.#listeners[event].filter((other) => other !== listener); }
  save_changes() {}
}

// Each static figure brings this script with it; whichever runs first brings all of them to life.
for (const root of document.querySelectorAll(".mk-explorer[data-static]")) {
  root.removeAttribute("data-static");
  mount(root, new Model(JSON.parse(root.querySelector("script").textContent)), true);
}

export default {
  render({ model, el }) {
    const root = element("div", { class: "mk-explorer", role: "group", "aria-label": model.get("spec").title });
    el.append(root);
    return mount(root, model, false);
  },
};
