// One interactive figure. The frames were computed in Python (grid.py) and packed into tables (pack.py); here a frame
// is picked, interpolated where a point is dragged, and drawn. No formula of the book lives in these files.

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
