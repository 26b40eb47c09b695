// The playable wave: the reader makes a task and takes steps; the board draws it, race.js and network.js compute it.

let waves = 0; // keeps ids and radio groups of several figures apart
function mountWave(root, model, link) {
  const spec = model.get("spec");
  const { texts, limits, compact } = spec;
  const unique = `mkw${Date.now().toString(36)}${waves++}`;
  const names = ["height", "shift", "points", "steps", "guess", "secret", ...spec.switches.map(({ name }) => name)];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const usual = state(); // what the reset button goes back to
  const style = (role) => ({ ...spec.roles[role], color: `var(--mk-${role})` });
  const hidden = new Set();
  let [race, playing, complaint, asked] = [null, null, "", false];

  function change(values) { // what the reader did, or a link asks for
    asked = true;
    complaint = "";
    for (const [name, value] of Object.entries(values)) model.set(name, value);
    model.save_changes();
  }

  // ---- the reader's points and guess ----
  const points = () => model.get("points");
  const others = (i) => points().filter((_, k) => k !== i);
  const act = {
    movePoint: (i, point) => change({ points: points().map((old, k) => (k === i ? point : old)) }),
    addPoint(point) {
      if (points().length < limits.points[1]) change({ points: [...points(), point] });
      else tell(texts.most);
    },
    removePoint(i) {
      if (points().length > limits.points[0]) change({ points: others(i) });
      else tell(texts.fewest);
    },
    draw: (guess) => change({ guess }),
  };
  function addInTheWidestGap() {
    const xs = [limits.x[0], ...points().map(([x]) => x), limits.x[1]].sort((a, b) => a - b);
    const gaps = xs.slice(1).map((x, i) => x - xs[i]);
    const widest = gaps.indexOf(Math.max(...gaps));
    act.addPoint([round(xs[widest] + gaps[widest] / 2)]);
  }
  function secretWave() { // a wave, and places to ask it at, that nobody has chosen
    const one = (values) => values[Math.floor(Math.random() * values.length)];
    const xs = points().map(() => round(spread(...limits.x, 2, Math.random())));
    const [height, shift] = spec.controls.map(({ values }) => one(values));
    change({ height, shift, points: xs.sort((a, b) => a - b).map((x) => [x]), steps: 0, guess: [], secret: true });
  }

  // ---- controls ----
  const hand = (name) => ({ unique, texts, get: () => model.get(name), set: (value) => change({ [name]: value }) });
  const sliders = spec.controls.map((control) => ({ ...control, ...makeSlider(control, hand(control.name)) }));
  const switches = spec.switches.map((control) => ({ ...control, ...makeChoice(control, hand(control.name)) }));
  const button = (does, click) => element("button", { type: "button", "data-do": does, click }, texts[does]);
  const take = (count) => () => {
    const target = model.get("steps") + count;
    change({ steps: Math.min(limits.steps, target) });
    if (target > limits.steps) tell(texts.longest);
  };
  const play = button("run", () => (playing ? stop() : start()));
  const buttons = [button("step", take(1)), button("ten", take(10))];
  if (!compact) buttons.push(button("thousand", take(1000)));
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  play.hidden = calm.matches; // nothing moves by itself for those who asked for that
  buttons.push(play, button("restart", () => { stop(); change({ steps: 0 }); }));
  const bar = element("div", { class: "mk-buttons mk-steps" }, ...buttons);

  function start() {
    play.textContent = texts.halt;
    playing = setInterval(() => {
      if (race.step < model.get("steps")) return; // still on its way
      if (model.get("steps") >= limits.steps || !root.isConnected) return stop();
      change({ steps: model.get("steps") + 1 });
    }, 450);
  }
  function stop() {
    clearInterval(playing);
    playing = null;
    play.textContent = texts.run;
  }

  // ---- what the reader does on the board: points, or a guess ----
  const board = makeBoard(spec, { unique, texts, act });
  board.svg.setAttribute("aria-label", texts.alt); // until a race has ended, which `speak` adds
  const mode = makeChoice({ name: "mode", label: texts.mode, values: ["points", "guess"],
    names: [texts.mode_points, texts.mode_guess] }, { unique, texts, set: showMode });
  const guessSliders = spec.controls.map((control) => makeSlider(
    { ...control, name: `guess_${control.name}`, label: texts[`guess_${control.name}`] },
    { unique, texts, set: guessByHand }));
  const guessTask = { height: 2, shift: 1 };
  function guessByHand() {
    const inputs = guessSliders.map(({ input }) => input.valueAsNumber);
    spec.controls.forEach(({ name, values }, i) => (guessTask[name] = values[inputs[i]]));
    showGuessSliders();
    act.draw(Array.from({ length: limits.knots }, (_, i) => round(waveAt(guessTask, spread(...limits.x, limits.knots, i)))));
  }
  const showGuessSliders = () => spec.controls.forEach(({ name }, i) => guessSliders[i].show(guessTask[name]));
  const tools = {
    points: element("div", { class: "mk-tools" }, element("small", {}, texts.hint_points),
      element("div", { class: "mk-buttons" }, button("add", addInTheWidestGap),
        button("remove", () => act.removePoint(points().length - 1)),
        button("settle", () => change({ points: points().map(([x]) => [x]) })))),
    guess: element("div", { class: "mk-tools" }, element("small", {}, texts.hint_guess),
      element("div", { class: "mk-pair" }, ...guessSliders.map(({ node }) => node)),
      element("div", { class: "mk-buttons" }, button("no_guess", () => change({ guess: [] })))),
  };
  function showMode(chosen) {
    board.node.dataset.mode = chosen;
    for (const [name, node] of Object.entries(tools)) node.hidden = name !== chosen;
    mode.show(chosen);
  }
  showGuessSliders();
  showMode("points");

  // ---- how far each curve is from the wave, in numbers and as a plot ----
  const standings = makeStandings(spec, { texts, style, hidden, changed(name) {
    if (name === "truth" && model.get("secret")) change({ secret: false });
    else refresh();
  } });

  // ---- drawing ----
  const note = element("p", { class: "mk-note", role: "status" });
  const live = element("p", { class: "mk-live", "aria-live": "polite" });
  const tell = (words) => { complaint = words; note.textContent = [complaint, ...runaways()].filter(Boolean).join(" "); };
  const runaways = () => race.runners.filter(({ ranAway }) => ranAway !== null).map(({ label, ranAway }) =>
    texts.diverged.replace("{name}", label).replace("{steps}", ranAway));

  let task = ""; // what the race was started with
  function refresh() {
    const now = state();
    const key = JSON.stringify({ ...now, steps: 0, guess: 0, secret: 0 });
    if (key !== task || now.steps < race.step) race = startRace(spec, now);
    task = key;
    const there = advance(race, now.steps, 10); // what does not fit in this frame follows in the next ones
    cancelAnimationFrame(refresh.next);
    if (!there) refresh.next = requestAnimationFrame(refresh);
    show(now);
  }

  function show(now) {
    const guess = now.guess.length ? GRID.map((x) => guessAt(now.guess, x, limits.x)) : null;
    const guessed = guess && meanSquare(guess, race.truth);
    const curves = { ...(now.secret ? {} : { truth: race.truth }), ...(guess ? { guess } : {}),
      ...Object.fromEntries(race.runners.map((runner) => [runner.name, runner.curve])) };
    const visible = (name) => !hidden.has(name);
    board.draw({ lines: Object.keys(curves).filter(visible).map((name) => [style(name), curves[name]]),
      places: now.points.map((point) => place(now, point)), points: now.points, guess: now.guess, secret: now.secret,
      waveAt: (x) => waveAt(now, x), pointStyle: style("support") });
    sliders.forEach((slider) => {
      slider.show(now[slider.name]);
      slider.node.hidden = now.secret;
    });
    switches.forEach((control) => control.show(now[control.name]));
    reveal.hidden = !now.secret;
    standings.show(race, guessed, now.secret);
    note.textContent = [complaint, ...runaways()].filter(Boolean).join(" ");
    clearTimeout(speak.timer);
    if (asked && race.step >= now.steps) speak.timer = setTimeout(speak, 400, guessed);
  }

  function speak(guessed) { // a screen reader hears where the reader's own action ended
    const errors = race.runners.map((runner) => `${runner.label} ${formatNumber(runner.now[1], 2)}`);
    if (guessed !== null) errors.push(`${texts.guess} ${formatNumber(guessed, 2)}`);
    live.textContent = texts.said.replace("{steps}", race.step).replace("{errors}", errors.join(", "));
    board.svg.setAttribute("aria-label", `${texts.alt} ${live.textContent}`);
  }

  // ---- links and the rest of the page ----
  const linked = linkedParts(spec, state);
  function take_over({ values, bad }) {
    stop();
    change(values);
    if (bad.length) tell(texts.bad_state.replace("{parts}", bad.map((part) => part.slice(0, 60)).join(", ")));
  }
  function readAddress() {
    const asked = stateOf(location.hash, spec.name, linked);
    if (!asked) return;
    take_over(asked);
    whenThere(() => root.scrollIntoView());
  }
  function followProse(asked, href) {
    take_over(asked);
    if (link) history.replaceState(null, "", href);
    if (!inView(board.node)) board.node.scrollIntoView({ block: "center" });
  }
  async function writeAddress() {
    history.replaceState(null, "", linkTo(spec.name, linked));
    const copied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
    tell(copied ? texts.copied : texts.in_address);
  }
  const reveal = button("reveal", () => change({ secret: false }));
  const more = [button("secret", secretWave), reveal, button("reset", () => {
    stop();
    hidden.clear();
    change(usual);
  })];
  if (link) more.push(button("link", writeAddress));
  const last = element("div", { class: "mk-buttons" }, ...more);
  const main = element("div", { class: "mk-main" }, board.node, bar, ...(compact ? [] : [mode.node]),
    element("div", { class: "mk-pair" }, ...sliders.map(({ node }) => node)), note);
  const side = element("div", { class: "mk-side" }, standings.table, ...(compact ? [] : [standings.plot]),
    ...switches.map(({ node }) => node), last);
  const hands = element("div", { class: "mk-hands" }, tools.points, tools.guess);
  root.append(element("div", { class: "mk-wave-body" }, main, side, ...(compact ? [] : [hands])), live);

  function paint() { // light or dark is what the page's own text says
    const [r, g, b] = getComputedStyle(root.parentElement).color.match(/[\d.]+/g) ?? [0, 0, 0]; // none while detached
    const dark = 0.299 * r + 0.587 * g + 0.114 * b > 128;
    root.toggleAttribute("data-dark", dark);
    for (const role in spec.roles) root.style.setProperty(`--mk-${role}`, spec.roles[role][dark ? "dark" : "light"]);
  }
  const resize = () => {
    paint();
    board.resize();
    if (race) show(state());
  };
  const gone = new AbortController();
  const { signal } = gone;
  root.dataset.lmSuppressShortcuts = "true"; // keys stay here: a notebook would move to another cell, or cut this one
  for (const type of ["keydown", "keyup", "keypress"]) root.addEventListener(type, (event) => event.stopPropagation(), { signal });
  const themes = new MutationObserver(paint);
  [document.documentElement, document.body].forEach((node) => themes.observe(node, { attributes: true }));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint, { signal });
  const sizes = new ResizeObserver(resize);
  sizes.observe(board.node);
  // Several parts of the state may change at once; one redrawing serves them all.
  let queued = false;
  const changed = () => {
    if (queued) return;
    queued = true;
    queueMicrotask(() => { queued = false; refresh(); });
  };
  names.forEach((name) => model.on(`change:${name}`, changed));
  refresh();
  resize();
  followLinks(spec.name, linked, followProse, signal);
  if (link) addEventListener("hashchange", readAddress, { signal });
  if (link) readAddress();
  return () => {
    stop();
    gone.abort();
    names.forEach((name) => model.off(`change:${name}`, changed));
    [themes, sizes].forEach((observer) => observer.disconnect());
    cancelAnimationFrame(refresh.next);
    clearTimeout(speak.timer);
  };
}

// The two hosts: a page without a kernel, and a widget in Jupyter.
wakeAll(".mk-wave[data-asleep]", (root) => {
  root.removeAttribute("data-asleep");
  mountWave(root, new StaticModel(JSON.parse(root.querySelector("script").textContent)), true);
});

export default {
  render({ model, el }) {
    const root = element("div", { class: "mk-explorer mk-wave", role: "group", "aria-label": model.get("spec").title });
    el.append(root);
    return mountWave(root, model, false);
  },
};
