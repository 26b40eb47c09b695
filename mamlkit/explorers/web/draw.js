// Drawing: marks as SVG.
const MARGIN = { left: 46, right: 8, top: 8, bottom: 42 }; // pixels around the plot, for ticks and labels

const MARKERS = {
  circle: (x, y, r) => `<circle cx="${px(x)}" cy="${px(y)}" r="${r}"/>`,
  square: (x, y, r) => `<rect x="${px(x - r)}" y="${px(y - r)}" width="${2 * r}" height="${2 * r}"/>`,
  diamond: (x, y, r) => closed([[0, -1.35], [1.35, 0], [0, 1.35], [-1.35, 0]].map(([a, b]) => [x + r * a, y + r * b])),
  triangle: (x, y, r) => closed([[0, -1.3], [1.25, 0.9], [-1.25, 0.9]].map(([a, b]) => [x + r * a, y + r * b])),
  star: (x, y, r) => closed([...Array(10).keys()].map((i) => [i * Math.PI / 5, (i % 2 ? 0.8 : 2.1) * r])
    .map(([turn, length]) => [x + length * Math.sin(turn), y - length * Math.cos(turn)])),
  handle: (x, y, r) => `<circle class="mk-ring" cx="${px(x)}" cy="${px(y)}" r="${px(1.8 * r)}"/>`,
};

const polyline = (points) => `M${points.map((p) => p.map(px).join(" ")).join("L")}`;
const closed = (points, attributes = "") => `<path d="${polyline(points)}z" ${attributes}/>`;
const stroke = ({ color, dash, width }) =>
  `fill="none" stroke="${color}" stroke-width="${width}" stroke-dasharray="${dash.join(" ")}"`;
const pieces = (lines, style) => (lines.length ? `<path d="${lines.map(polyline).join("")}" ${stroke(style)}/>` : "");

// A shaft along pixels, cut to the box, and the head of an arrow at its end; nothing if it is too short to be seen.
function drawShaft(points, style, box) {
  const tip = points.at(-1);
  const length = points.slice(1).reduce((sum, p, i) => sum + Math.hypot(p[0] - points[i][0], p[1] - points[i][1]), 0);
  if (length < 1) return "";
  const head = Math.min(15, length * 0.6);
  const back = points.findLast((p) => Math.hypot(tip[0] - p[0], tip[1] - p[1]) >= 0.8 * head) ?? points[0];
  const size = Math.hypot(tip[0] - back[0], tip[1] - back[1]);
  const [ux, uy] = [(tip[0] - back[0]) / size, (tip[1] - back[1]) / size];
  const corner = (along, across) => [tip[0] - head * (along * ux + across * uy), tip[1] - head * (along * uy - across * ux)];
  const shaft = [...points.slice(0, points.indexOf(back) + 1), corner(0.8, 0)];
  return pieces(cutLine(shaft, box), style)
    + closed([tip, corner(1, 0.48), corner(0.78, 0), corner(1, -0.48)], `fill="${style.color}"`);
}

// Each kind takes the mark, its rows, the map from the plane to pixels, the common scale of all arrows, and the box of
// pixels that can be seen.
const DRAW = {
  line: ({ style }, rows, at, scale = 1, box = EVERYWHERE) => pieces(cutLine(rows.map(at), box), style),
  path: (mark, rows, at, scale, box) => DRAW.line(mark, rows, at, scale, box)
    + DRAW.points({ ...mark, size: 3.2 }, rows.slice(1), at, scale, box),
  points: ({ style, size = 4.5 }, rows, at, scale = 1, box = EVERYWHERE) => `<g class="mk-points" fill="${style.color}">${
    rows.map(at).filter((p) => within(p, box)).map((p) => MARKERS[style.marker](...p, size)).join("")}</g>`,
  area: ({ style }, rows, at) => closed(rows.map(at), `fill="${style.color}" fill-opacity=".15"`),
  bars: ({ style }, rows, at, scale = 1, box = EVERYWHERE) => rows.map(([x, y]) => closed(
    [[x - 0.35, 0], [x - 0.35, y], [x + 0.35, y], [x + 0.35, 0]].map(at)
      .map((p) => p.map((value, i) => Math.min(box[i + 2], Math.max(box[i], value)))),
    `style="fill:${style.color};fill-opacity:.5" ${stroke(style)}`)).join(""),
  arrow: ({ style }, [tail, vector], at, scale = 1, box = EVERYWHERE) =>
    drawShaft([tail, tail.map((x, i) => x + scale * vector[i])].map(at), style, box),
  arc: ({ style }, rows, at, scale = 1, box = EVERYWHERE) => drawShaft(rows.map(at), style, box),
  ellipses({ style, radii }, [centre, ...halfAxes], at, scale = 1, box = EVERYWHERE) {
    const [o, a, b] = ringAxes(centre, halfAxes, at);
    const rings = radii.flatMap((r) => cutRing(o, a, b, r, box));
    return `<g class="mk-contours">${pieces(rings, { ...style, width: 1.2 })}</g>`;
  },
  words: () => "", // the tag says it
};

// Centre and half axes of ellipses in pixels.
function ringAxes(centre, halfAxes, at) {
  const o = at(centre);
  return [o, ...halfAxes.map((half) => at(half.map((x, i) => x + centre[i])).map((x, i) => x - o[i]))];
}

// A tag stands beside the last point or the arrow's head, words on their point; on ellipses it labels a ring, at its
// lowest point.
function drawTag({ kind, tag, style, radii }, rows, at, scale) {
  const [first, a, b] = rows;
  const lowest = (i) => first[i] - (radii.at(-2) ?? radii[0]) * (a[i] * a[1] + b[i] * b[1]) / Math.hypot(a[1], b[1]);
  const tip = { arrow: (i) => first[i] + scale * a[i], ellipses: lowest }[kind] || ((i) => rows.at(-1)[i]);
  const [x, y] = at([tip(0), tip(1)]);
  const [dx, dy, anchor] = kind === "ellipses" || kind === "words" ? [0, 5, "middle"] : [9, -9, "start"];
  return `<text x="${px(x + dx)}" y="${px(y + dy)}" text-anchor="${anchor}" fill="${style.color}">${escape(tag)}</text>`;
}

const decimalsOf = (ticks) => Math.max(...ticks.map((tick) => (String(tick).split(".")[1] || "").length));

// Every second tick, or fewer, where they would stand closer than `apart` pixels; the one at zero stays.
function thinned(ticks, pixels, apart) {
  if (ticks.length < 2) return ticks;
  const every = Math.max(1, Math.ceil(apart / ((ticks[1] - ticks[0]) * pixels)));
  const zero = Math.max(0, ticks.indexOf(0));
  return ticks.filter((_, i) => (i - zero) % every === 0);
}

function drawAxes({ xlim, ylim, xticks, yticks, xlabel, ylabel }, at) {
  const [[left, bottom], [right, top]] = [at([xlim[0], ylim[0]]), at([xlim[1], ylim[1]])];
  const [xs, ys] = [xticks.map((tick) => at([tick, ylim[0]])[0]), yticks.map((tick) => at([xlim[0], tick])[1])];
  const text = (attributes, words) => `<text ${attributes}>${escape(words)}</text>`;
  return `<path class="mk-grid" d="${xs.map((x) => `M${px(x)} ${top}V${bottom}`).join("")}${
    ys.map((y) => `M${left} ${px(y)}H${right}`).join("")}"/><path d="M${left} ${top}V${bottom}H${right}"/>
    <g text-anchor="middle">${
    xs.map((x, i) => text(`x="${px(x)}" y="${bottom + 17}"`, formatNumber(xticks[i], decimalsOf(xticks)))).join("")}${
    text(`x="${(left + right) / 2}" y="${bottom + 36}"`, xlabel)}${
    text(`transform="translate(13 ${(top + bottom) / 2}) rotate(-90)"`, ylabel)}</g><g text-anchor="end">${
    ys.map((y, i) => text(`x="${left - 7}" y="${px(y + 4)}"`, formatNumber(yticks[i], decimalsOf(yticks)))).join("")}</g>`;
}

const SAMPLES = { line: [[1, 8], [29, 8]], path: [[1, 8], [8, 8], [27, 8]], points: [[15, 8]],
  arrow: [[1, 8], [28, 0]], arc: [[1, 13], [6, 7], [14, 4], [22, 7], [27, 13]], area: [[4, 2], [26, 2], [26, 14], [4, 14]] };

function swatch(mark) { // the mark itself, small: pixels stand for the plane
  const kind = { bars: "area", ellipses: "line" }[mark.kind] || mark.kind;
  return `<svg width="30" height="16" aria-hidden="true">${DRAW[kind](mark, SAMPLES[kind], (p) => p, 1)}</svg>`;
}
