// What lies under the pointer: geometry on the rows themselves, so that the browser never tests hits on the drawing.

const NEAR = 14; // pixels
const digitsOf = ([low, high]) => Math.max(0, Math.ceil(Math.log10(300 / (high - low)))); // steps below a pixel or so

function nearestOnLine(points, [x, y]) { // the distance of a polyline, and where it is nearest
  let best = [Infinity, points[0]];
  for (let i = 0; i < points.length; i++) {
    const [[ax, ay], [bx, by]] = [points[Math.max(0, i - 1)], points[i]];
    const [dx, dy] = [bx - ax, by - ay];
    const share = Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)));
    const point = [ax + share * dx, ay + share * dy];
    const distance = Math.hypot(point[0] - x, point[1] - y);
    if (distance < best[0]) best = [distance, point];
  }
  return best;
}

function nearestOfPoints(points, [x, y]) {
  const distances = points.map((p) => Math.hypot(p[0] - x, p[1] - y));
  const least = Math.min(...distances);
  return [least, points[distances.indexOf(least)]];
}

// The distance of the nearest ring: how far |w| is from a radius, over how fast |w| changes from pixel to pixel.
function nearestRing([o, a, b], radii, [x, y]) {
  const area = a[0] * b[1] - a[1] * b[0];
  const [dx, dy] = [x - o[0], y - o[1]];
  const [u, v] = [(dx * b[1] - dy * b[0]) / area, (dy * a[0] - dx * a[1]) / area];
  const size = Math.hypot(u, v) || 1e-12;
  const slope = Math.hypot(u * b[1] - v * a[1], v * a[0] - u * b[0]) / Math.abs(area) / size;
  return [Math.min(...radii.map((r) => Math.abs(size - r))) / (slope || 1e-12), [x, y]];
}

// Distance in pixels and the place, for each kind of mark; dots lie on lines, so they are nearer by a little.
const REACH = {
  line: (mark, rows, { at }, p) => nearestOnLine(rows.map(at), p),
  path: (mark, rows, { at }, p) => nearestOnLine(rows.map(at), p),
  arc: (mark, rows, { at }, p) => nearestOnLine(rows.map(at), p),
  arrow: (mark, [tail, vector], { at, scale }, p) =>
    nearestOnLine([tail, tail.map((x, i) => x + scale * vector[i])].map(at), p),
  points(mark, rows, { at }, p) {
    const [distance, place] = nearestOfPoints(rows.map(at), p);
    return [distance - 4, place];
  },
  bars(mark, rows, { at }, [x, y]) {
    const hit = rows.find(([left, height]) => {
      const [[x0, y0], [x1, y1]] = [at([left - 0.35, 0]), at([left + 0.35, height])];
      return x >= x0 && x <= x1 && y >= Math.min(y0, y1) - 4 && y <= Math.max(y0, y1) + 4;
    });
    return [hit ? 0 : Infinity, hit && at(hit)];
  },
  area: () => [Infinity],
  words: () => [Infinity],
  ellipses: ({ radii }, [centre, ...halfAxes], { at }, p) => nearestRing(ringAxes(centre, halfAxes, at), radii, p),
};

// The numbers of a mark in words: those of the row at `place` (in pixels) where there is one, else of the whole.
function describeMark(mark, rows, { axes, at, plane, texts }, place) {
  const digits = [digitsOf(axes.xlim), digitsOf(axes.ylim)];
  const point = (xy) => `(${xy.map((x, i) => formatNumber(x, digits[i])).join(", ")})`;
  if (mark.kind === "arrow") {
    return `${point(rows[1])}, ${texts.length} ${formatNumber(Math.hypot(...rows[1]), Math.max(...digits))}`;
  }
  if (mark.kind === "ellipses") return `${texts.centre} ${point(rows[0])}`;
  if (place) {
    const nearest = rows.map(at).map((p) => Math.hypot(p[0] - place[0], p[1] - place[1]));
    const row = nearest.indexOf(Math.min(...nearest));
    return point(mark.kind === "line" || nearest[row] > NEAR ? plane(place) : rows[row]);
  }
  return rows.length <= 4 ? rows.map(point).join(" ") : `${point(rows[0])} … ${point(rows.at(-1))}`;
}

// The height of a curve at x; nothing where it is none, or where it does not run from left to right.
function heightAt(rows, x) {
  const i = rows.findIndex(([there]) => there >= x);
  if (i < 0 || rows.some(([there], k) => k && there < rows[k - 1][0])) return undefined;
  if (i === 0) return rows[0][0] === x ? rows[0][1] : undefined;
  const [[x0, y0], [x1, y1]] = [rows[i - 1], rows[i]];
  return y0 + (x - x0) / (x1 - x0 || 1) * (y1 - y0);
}
