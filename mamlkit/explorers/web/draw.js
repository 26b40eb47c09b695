// Drawing: marks as SVG.
const MARGIN = { left: 46, right: 8, top: 8, bottom: 42 }; // pixels around the plot, for ticks and labels

const MARKERS = {
  circle: (x, y, r) => `<circle cx="${px(x)}" cy="${px(y)}" r="${r}"/>`,
  square: (x, y, r) => `<rect x="${px(x - r)}" y="${px(y - r)}" width="${2 * r}" height="${2 * r}"/>`,
  diamond: (x, y, r) => closed([[0, -1.35], [1.35, 0], [0, 1.35], [-1.35, 0]].map(([a, b]) => [x + r * a, y + r * b])),
  triangle: (x, y, r) => closed([[0, -1.3], [1.25, 0.9], [-1.25, 0.9]].map(([a, b]) => [x + r * a, y + r * b])),
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
