// One interactive figure. The frames were computed in Python (grid.py) and packed into tables (pack.py); here a frame
// is picked, interpolated where a point is dragged, and drawn. No formula of the book lives in these files.

const MAKE = { slider: makeSlider, choice: makeChoice, point: makePoint };
let figures = 0; // keeps ids and radio groups of several figures apart

function unpackMarks({ panels, tables: packed, roles, readouts }) {
  const tables = Object.fromEntries(Object.entries(packed).map(([name, table]) => [name, unpackTable(table)]));
  const unpack = ({ table, starts, counts, ...part }) =>
    ({ ...part, table: tables[table], starts: running(starts), counts: running(counts) });
  const lookOf = ({ role }) => ({ ...roles[role], color: `var(--mk-${role})` });
  return {
    readouts: readouts.map(unpack),
    panels: panels.map((panel) => {
      const called = (mark) => mark.label || panel.marks.find(({ role, label }) => role === mark.role && label)?.label;
      const marks = panel.marks.map(unpack).map((mark) => ({ ...mark, key: mark.label || `${panel.name}/${mark.name}`,
        called: called(mark) || mark.tag, style: lookOf(mark) }));
      return { ...panel, marks };
    }),
  };
}

function mount(root, model, link) {
  const spec = model.get("spec");
  const { texts } = spec;
  const unique = `mk${Date.now().toString(36)}${figures++}`;
  const parts = unpackMarks(spec);
  const marks = parts.panels.flatMap((panel) => panel.marks);
  const hidden = new Set(marks.filter((mark) => !mark.visible).map((mark) => mark.key));
  const light = (key) => panels.forEach((panel) => panel.lightUp(key));
  const panels = parts.panels.map((panel) => makePanel(panel, { unique, texts, hidden, light }));
  const plots = element("div", { class: "mk-plots" }, ...panels.map((panel) => panel.node));
  const numbers = element("div", { class: "mk-readouts" });
  const tables = element("div", { tabindex: 0 });
  const details = element("details", { class: "mk-numbers", toggle: () => details.open && fillTables(content()) },
    element("summary", {}, texts.table), tables);
  const note = element("p", { class: "mk-note", role: "status" });
  const live = element("p", { class: "mk-live", "aria-live": "polite" });

  // The state lives in the model: one trait for each control. `source` is the control that the reader moved.
  let [source, waiting] = [null, 0];
  function change(values, by, playing = false) {
    source = by;
    note.textContent = "";
    controls.forEach(({ name, player }) => player?.playing() && !(playing && name === by) && player.stop());
    for (const { name } of controls) if (name in values) model.set(name, values[name]);
    model.save_changes();
  }
  const controls = spec.controls.map((control) => {
    const { name, kind } = control;
    const panel = panels.find((each) => each.name === control.panel);
    const get = () => model.get(name);
    const set = (value, playing) => change({ [name]: value }, name, playing);
    const made = { ...control, ...MAKE[kind](control, { unique, texts, panel, get, set }), get, set };
    if (kind === "slider" && control.handle) {
      made.follows = panel.marks.find((mark) => mark.name === control.handle);
      made.handle = makeHandle({ "aria-hidden": "true" }, panel, (pixels) => set(nearestValue(made, panel, pixels)));
    }
    return made;
  });
  const point = controls.find((control) => control.kind === "point");
  const steps = controls.filter((control) => control !== point);

  const frameOf = (value) => steps.reduce((sum, each) => sum * each.values.length + each.index(value(each)), 0);
  const share = () => (point ? point.share(point.get()) : [0, 0]);

  function content() { // [part, rows] of all marks and readouts that the present frame has
    const [frame, where] = [frameOf((control) => control.get()), share()];
    const present = (all) => all.map((part) => [part, partAt(part, frame, where)]).filter(([, rows]) => rows);
    return { panels: panels.map((panel) => present(panel.marks)), readouts: present(parts.readouts) };
  }

  // The value of a slider whose mark comes nearest to the pointer, all else as it is.
  function nearestValue(slider, panel, [x, y]) {
    const distances = slider.values.map((value) => {
      const rows = partAt(slider.follows, frameOf((each) => (each === slider ? value : each.get())), share());
      const [px_, py] = rows ? panel.at(rows[0]) : [Infinity, Infinity];
      return Math.hypot(px_ - x, py - y);
    });
    return slider.values[distances.indexOf(Math.min(...distances))];
  }

  function draw() {
    const now = content();
    panels.forEach((panel, i) => panel.draw(now.panels[i]));
    numbers.replaceChildren(...now.readouts.map(([readout, rows]) => element("div", {},
      element("span", {}, readout.label), element("b", { "data-readout": readout.name }, readoutText(readout, rows)))));
    for (const control of controls) {
      control.show(control.get());
      const place = control.follows ? now.panels.flat().find(([mark]) => mark === control.follows)?.[1][0] : control.get();
      if (control.handle && place) control.handle.move(place);
    }
    if (details.open) fillTables(now);
    clearTimeout(waiting);
    waiting = setTimeout(speak, 400); // a screen reader hears where a movement ended, not every step of it
  }

  const said = new Map();
  function speak() { // after the reader's own input only, and only what it changed
    if (controls.some(({ player }) => player?.playing())) return;
    const words = [...controls.map((each) => [each.name, `${each.label} ${each.words(each.get())}`]),
      ...[...numbers.children].map((row, i) => [`readout ${i}`, `${row.firstChild.textContent}: ${row.lastChild.textContent}`])];
    const news = words.filter(([name, text]) => said.get(name) !== text && name !== source).map(([, text]) => text);
    if (source !== null && news.length) live.textContent = `${news.join(". ")}.`;
    source = null;
    said.clear();
    words.forEach(([name, text]) => said.set(name, text));
    panels.forEach((panel, i) => panel.describe(i ? "" : words.map(([, text]) => text).join(". ")));
  }

  function fillTables(now) {
    const row = (cells, tag) => element("tr", {}, ...cells.map((cell) => element(tag, {}, cell)));
    tables.replaceChildren(...panels.map(({ axes }, i) => element("table", {},
      row([texts.mark, axes.xlabel, axes.ylabel], "th"), ...now.panels[i].flatMap(([mark, rows]) =>
        rows.map((xy, k) => row([k ? "" : mark.called || mark.name, ...xy.map((x) => formatNumber(x, 3))], "td"))))));
  }

  function legend() { // one box for each label; the last mark of that label lends its look
    const looks = new Map(marks.filter((mark) => mark.label).map((mark) => [mark.label, mark]));
    const entries = [...looks].map(([label, mark]) => {
      const box = element("input", { type: "checkbox" });
      box.checked = !hidden.has(label);
      box.addEventListener("change", () => { hidden[box.checked ? "delete" : "add"](label); draw(); });
      const point_out = () => { light(label); panels.forEach((panel) => panel.tell(label)); };
      const leave = () => { light(null); panels.forEach((panel) => panel.hush()); };
      const entry = element("label", { pointerenter: point_out, pointerleave: leave, focusin: point_out,
        focusout: leave }, box);
      entry.insertAdjacentHTML("beforeend", `${swatch(mark)}<span>${escape(label)}</span>`);
      return entry;
    });
    return element("div", { class: "mk-legend", role: "group", "aria-label": texts.legend }, ...entries);
  }

  function resize() {
    if (panels.map((panel) => panel.resize()).some(Boolean)) {
      paint();
      draw();
    }
  }

  function paint() { // light or dark is what the page's own text says
    const [r, g, b] = getComputedStyle(root.parentElement).color.match(/[\d.]+/g) ?? [0, 0, 0]; // none while detached
    const dark = 0.299 * r + 0.587 * g + 0.114 * b > 128;
    root.toggleAttribute("data-dark", dark);
    for (const role in spec.roles) root.style.setProperty(`--mk-${role}`, spec.roles[role][dark ? "dark" : "light"]);
  }

  function take({ values, bad }) { // a state from a link
    change(values, "");
    if (bad.length) note.textContent = texts.bad_state.replace("{parts}", bad.join(", "));
  }

  function readAddress() {
    const state = stateOf(location.hash, spec.name, controls);
    if (!state) return;
    take(state);
    whenThere(() => root.scrollIntoView());
  }

  function followProse(state, href) {
    take(state);
    if (link) history.replaceState(null, "", href);
    bringIntoView("center");
  }

  const bringIntoView = (block) => inView(plots) || plots.scrollIntoView({ block });

  async function writeAddress() {
    history.replaceState(null, "", linkTo(spec.name, controls));
    const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
    note.textContent = copied ? texts.copied : texts.in_address;
    setTimeout(() => (note.textContent = ""), 4000);
  }

  const button = (does, click) => element("button", { type: "button", "data-do": does, click }, texts[does]);
  const reset = () => change(Object.fromEntries(controls.map((control) => [control.name, control.default])), "");
  const buttons = [button("reset", reset), ...(link ? [button("link", writeAddress)] : [])];
  const panel = element("div", { class: "mk-panel" }, ...controls.map((control) => control.node),
    element("div", { class: "mk-buttons" }, ...buttons));
  const beside = [];
  if (controls.length) beside.push(panel);
  const follow = (state) => { change(state, ""); bringIntoView("nearest"); };
  if (spec.prompts.length) beside.push(makePrompts(spec.prompts, texts, follow));
  if (parts.readouts.length) beside.push(numbers);
  root.append(element("div", { class: "mk-body" }, plots, legend(), ...beside), note, details, live);

  const gone = new AbortController();
  const { signal } = gone;
  // Keys stay here: a notebook would move to another cell, or cut this one.
  root.dataset.lmSuppressShortcuts = "true";
  for (const type of ["keydown", "keyup", "keypress"]) root.addEventListener(type, (event) => event.stopPropagation(), { signal });
  const events = controls.map((control) => `change:${control.name}`);
  events.forEach((event) => model.on(event, draw));
  const themes = new MutationObserver(paint);
  [document.documentElement, document.body].forEach((node) => themes.observe(node, { attributes: true }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint, { signal });
  document.addEventListener("pointerdown", (event) =>
    panels.forEach((each) => !each.node.contains(event.target) && each.forget()), { signal });
  const sizes = new ResizeObserver(resize);
  panels.forEach((each) => sizes.observe(each.node));
  resize();
  speak(); // to nobody: what stands here at first is not news
  if (spec.name) followLinks(spec.name, controls, followProse, signal);
  if (link && spec.name) addEventListener("hashchange", readAddress, { signal });
  if (link && spec.name) readAddress();
  return () => {
    gone.abort();
    controls.forEach(({ player }) => player?.stop());
    events.forEach((event) => model.off(event, draw));
    [themes, sizes].forEach((observer) => observer.disconnect());
    clearTimeout(waiting);
  };
}
