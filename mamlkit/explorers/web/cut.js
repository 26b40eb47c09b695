// Curves cut to the plot before they are drawn: a dashed ellipse a million pixels long has stopped a browser.

const EVERYWHERE = [-1e9, -1e9, 1e9, 1e9]; // a box is [left, top, right, bottom], in pixels

// The pieces of a polyline within a box (Liang and Barsky): what leaves it and comes back becomes two.
function cutLine(points, [x0, y0, x1, y1]) {
  const pieces = [];
  let piece = null;
  for (let i = 1; i < points.length; i++) {
    const [[ax, ay], [bx, by]] = [points[i - 1], points[i]];
    let [from, to] = [0, 1];
    for (const [start, change, low, high] of [[ax, bx - ax, x0, x1], [ay, by - ay, y0, y1]]) {
      const shares = [(low - start) / change, (high - start) / change].sort((a, b) => a - b);
      if (change) [from, to] = [Math.max(from, shares[0]), Math.min(to, shares[1])];
      else if (start < low || start > high) to = -1;
    }
    const along = (share) => [ax + share * (bx - ax), ay + share * (by - ay)];
    if (from > to) {
      piece = null;
      continue;
    }
    if (!piece || from > 0) pieces.push((piece = [along(from)]));
    piece.push(along(to));
    if (to < 1) piece = null;
  }
  return pieces;
}

const within = ([x, y], [x0, y0, x1, y1]) => x >= x0 && x <= x1 && y >= y0 && y <= y1;

// The pieces within a box of the ring o + r (a cos t + b sin t), all in pixels.
function cutRing(o, a, b, r, box) {
  const at = (t) => [0, 1].map((i) => o[i] + r * (a[i] * Math.cos(t) + b[i] * Math.sin(t)));
  const crossings = [0, 1].flatMap((i) => [box[i], box[i + 2]].flatMap((side) => {
    const share = (side - o[i]) / (r * Math.hypot(a[i], b[i]));
    const turn = Math.atan2(b[i], a[i]);
    return Math.abs(share) < 1 ? [turn + Math.acos(share), turn - Math.acos(share)] : [];
  }));
  const turns = crossings.map((t) => (t + 4 * Math.PI) % (2 * Math.PI)).sort((s, t) => s - t);
  if (!turns.length) turns.push(0);
  return turns.flatMap((from, i) => {
    const to = turns[i + 1] ?? turns[0] + 2 * Math.PI;
    if (!within(at((from + to) / 2), box)) return [];
    const steps = 16 + Math.ceil((to - from) * 26);
    return [Array.from({ length: steps + 1 }, (_, k) => at(from + (to - from) * k / steps))];
  });
}
