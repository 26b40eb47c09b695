// How far each curve is from the wave: a table that is the legend too, and a small plot of errors against steps.

function makeStandings(spec, { texts, style, hidden, changed }) {
  const count = element("b", { "data-steps": "" });
  const plot = element("div", { class: "mk-errors" });
  plot.innerHTML = `<svg role="img" aria-label="${escape(texts.errors_alt)}"></svg>`;

  function entry(name) {
    const box = element("input", { type: "checkbox", change: () => {
      hidden[box.checked ? "delete" : "add"](name);
      changed(name);
    } });
    const label = element("label", {}, box);
    label.insertAdjacentHTML("beforeend", `${swatch({ kind: "line", style: style(name) })}<span>${escape(texts[name])}</span>`);
    const cells = ["before", "now"].map((when) => element("td", { "data-error": `${name}-${when}` }));
    return { name, box, cells, row: element("tr", {}, element("th", { scope: "row" }, label), ...cells) };
  }
  const names = ["truth", ...spec.runners.map(({ name }) => name), ...(spec.compact ? [] : ["guess"])];
  const entries = names.map(entry);
  const heads = [texts.who, texts.before, texts.now].map((words) => element("th", { scope: "col" }, words));
  const table = element("table", { class: "mk-race" },
    element("caption", {}, `${texts.error}, ${texts.steps}: `, count),
    element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...entries.map(({ row }) => row)));

  function show(race, guessed, secret) { // `guessed` is the error of the reader's guess, null if there is none
    const number = (error) => formatNumber(error, 2);
    const words = { truth: ["", secret ? texts.hidden : ""], guess: ["", guessed === null ? "" : number(guessed)] };
    for (const { name, errors, now } of race.runners) words[name] = [number(errors[0][1]), number(now[1])];
    count.textContent = race.step.toLocaleString("en");
    for (const { name, box, cells, row } of entries) {
      box.checked = !hidden.has(name) && !(name === "truth" && secret);
      row.hidden = name === "guess" && guessed === null;
      cells.forEach((cell, i) => (cell.textContent = words[name][i]));
    }
    if (spec.compact) return;
    const lines = race.runners.filter(({ name }) => !hidden.has(name)).map(({ name, errors, now }) =>
      [style(name), errors.at(-1) === now ? errors : [...errors, now]]);
    const level = guessed === null || hidden.has("guess") ? [] : [[style("guess"), guessed]];
    drawErrors(plot.firstElementChild, lines, level, texts);
  }
  return { table, plot, show };
}

// Errors against steps. Steps stand at log(1 + k), so that the first ten and the thousandth both have room.
function drawErrors(svg, lines, level, texts) {
  const width = svg.parentNode.clientWidth;
  if (width < 120) return;
  const height = 110;
  const last = Math.max(10, ...lines.map(([, errors]) => errors.at(-1)[0]));
  const top = 1.15 * Math.max(0.2, ...lines.map(([, errors]) => errors[0][1]), ...level.map(([, error]) => error));
  const at = ([step, error]) => [MARGIN.left + Math.log1p(step) / Math.log1p(last) * (width - MARGIN.left - MARGIN.right),
    MARGIN.top + height * (1 - Math.min(1, error / top))];
  const [[left, bottom], [right]] = [at([0, 0]), at([last, 0])];
  const across = [0, 1, 2, 5, 10, 100, 1000].filter((step) => step <= last);
  const unit = 10 ** Math.floor(Math.log10(top / 2));
  const up = [0, 1, 2, 3].map((i) => i * unit * (top / unit > 8 ? 5 : top / unit > 4 ? 2 : 1)).filter((y) => y < top);
  const words = (x, y, text, more = "") => `<text x="${px(x)}" y="${px(y)}" ${more}>${escape(text)}</text>`;
  const digits = Math.max(0, -Math.floor(Math.log10(unit)));
  const drawn = [...lines, ...level.map(([style, error]) => [style, [[0, error], [last, error]]])];
  svg.setAttribute("viewBox", `0 0 ${width} ${height + MARGIN.top + MARGIN.bottom}`);
  svg.innerHTML = `<g class="mk-axes"><path class="mk-grid" d="${
    up.map((y) => `M${left} ${px(at([0, y])[1])}H${right}`).join("")}"/><path d="M${left} ${MARGIN.top}V${bottom}H${right}"/>
    <g text-anchor="middle">${across.map((step) => words(at([step, 0])[0], bottom + 16, String(step))).join("")}${
    words((left + right) / 2, bottom + 34, texts.log_steps)}<text transform="translate(13 ${
    (MARGIN.top + bottom) / 2}) rotate(-90)">${escape(texts.error_short)}</text></g><g text-anchor="end">${
    up.map((y) => words(left - 7, at([0, y])[1] + 4, formatNumber(y, digits))).join("")}</g></g>${
    drawn.map(([style, errors]) => errors.length > 1 ? DRAW.line({ style }, errors, at)
      : DRAW.points({ style: { ...style, marker: "circle" }, size: 3 }, errors, at)).join("")}`;
}
