// The board on which the wave is played: curves, support points to drag, a guess to draw.

const NEAR = 22; // pixels: what is closer to a point than this means the point
const SNAP = 12; // pixels: a point dropped this close to the wave lies on it
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
const round = (value) => Math.round(value * 100) / 100; // what a link keeps
const clamp = (value, [low, high]) => Math.min(high, Math.max(low, value));

// `act` is what the reader does: movePoint(i, [x, y]), addPoint([x, y]), removePoint(i), settlePoint(i), draw(guess).
function makeBoard(spec, { unique, texts, act }) {
  const { axes, limits } = spec;
  const node = element("div", { class: "mk-board" });
  node.innerHTML = `<svg role="img"><clipPath id="${unique}"><rect/></clipPath><g class="mk-axes"></g>
    <g clip-path="url(#${unique})"></g></svg>`;
  const [svg, box, axesLayer, layer] = node.querySelectorAll("svg, rect, g");
  let [width, height] = [0, 0]; // of the plot within its margins; one unit of the drawing is one pixel
  const span = ([low, high]) => high - low;
  const at = ([x, y]) => [MARGIN.left + (x - axes.xlim[0]) / span(axes.xlim) * width,
    MARGIN.top + height - (y - axes.ylim[0]) / span(axes.ylim) * height];
  const toPlane = ({ clientX, clientY }) => {
    const { left, top } = svg.getBoundingClientRect();
    return [clamp(axes.xlim[0] + (clientX - left - MARGIN.left) / width * span(axes.xlim), limits.x),
      clamp(axes.ylim[0] + (top + MARGIN.top + height - clientY) / height * span(axes.ylim), limits.y)];
  };
  let shown = { places: [], points: [], guess: [] };
  const handles = [];

  // ---- pointer and touch ----
  let grip = null; // what the pressed pointer is about: { point }, { empty }, or { knot } of a guess
  function nearestPoint(event) {
    const { left, top } = svg.getBoundingClientRect();
    const distances = shown.places.map((place) =>
      Math.hypot(at(place)[0] - event.clientX + left, at(place)[1] - event.clientY + top));
    const best = distances.indexOf(Math.min(...distances));
    return distances[best] <= NEAR ? best : -1;
  }
  function press(event) {
    if (event.button !== 0 || !event.isPrimary) return;
    const point = nearestPoint(event);
    if (node.dataset.mode === "guess") grip = { knot: null };
    else grip = point >= 0 ? { point } : { empty: true };
    Object.assign(grip, { from: [event.clientX, event.clientY], moved: false });
    node.setPointerCapture(event.pointerId);
    if ("knot" in grip) sketch(event);
    else if (point >= 0) handles[point].focus({ preventScroll: true });
  }
  function move(event) {
    if (!grip || !node.hasPointerCapture(event.pointerId)) return;
    if (Math.hypot(event.clientX - grip.from[0], event.clientY - grip.from[1]) > 4) grip.moved = true;
    if ("knot" in grip) sketch(event);
    else if (grip.moved && grip.point >= 0) drop(grip.point, toPlane(event));
  }
  function release(event) {
    if (grip && !grip.moved && event.type === "pointerup") {
      if (grip.point >= 0) act.removePoint(grip.point);
      if (grip.empty) act.addPoint(snapped(toPlane(event)));
    }
    grip = null;
  }
  function snapped([x, y]) { // a point close to the wave lies on it; where the wave is a secret, every point does
    const wave = shown.waveAt(x);
    const close = Math.abs(at([x, wave])[1] - at([x, y])[1]) < SNAP || shown.secret;
    return close ? [round(x)] : [round(x), round(y)];
  }
  const drop = (i, place) => act.movePoint(i, snapped(place));
  function sketch(event) { // set all knots between the last place of the pointer and this one
    const [x, y] = toPlane(event);
    const toKnot = (x) => (x - limits.x[0]) / span(limits.x) * (limits.knots - 1);
    const [to, from] = [[toKnot(x), y], grip.knot ?? [toKnot(x), y]];
    const guess = shown.guess.length ? [...shown.guess] : Array(limits.knots).fill(round(y));
    for (let k = Math.round(Math.min(from[0], to[0])); k <= Math.round(Math.max(from[0], to[0])); k++) {
      const share = from[0] === to[0] ? 1 : clamp((k - from[0]) / (to[0] - from[0]), [0, 1]);
      guess[k] = round(from[1] + share * (to[1] - from[1]));
    }
    grip.knot = to;
    act.draw(guess);
  }
  for (const [name, listener] of Object.entries({ pointerdown: press, pointermove: move, pointerup: release,
    pointercancel: release })) node.addEventListener(name, listener);

  // ---- keyboard: each point is a handle of its own ----
  function press_key(event, i) {
    const [x, y] = shown.places[i];
    if (ARROWS[event.key]) {
      const [dx, dy] = ARROWS[event.key].map((direction) => direction * (event.shiftKey ? 0.5 : 0.1));
      const there = round(clamp(x + dx, limits.x));
      const onWave = shown.points[i].length === 1 && (dy === 0 || shown.secret);
      act.movePoint(i, onWave ? [there] : [there, round(clamp(y + dy, limits.y))]);
    } else if (event.key === "Delete" || event.key === "Backspace") act.removePoint(i);
    else if (event.key === "Home") act.movePoint(i, [x]);
    else return;
    event.preventDefault();
  }
  function handle(i) {
    return element("div", { class: "mk-handle", role: "slider", tabindex: 0, "aria-roledescription": texts.point,
      "aria-valuemin": limits.x[0], "aria-valuemax": limits.x[1], keydown: (event) => press_key(event, i) });
  }
  function placeHandles() {
    while (handles.length > shown.places.length) {
      const last = handles.pop();
      if (document.activeElement === last) handles.at(-1)?.focus();
      last.remove();
    }
    while (handles.length < shown.places.length) {
      handles.push(handle(handles.length));
      node.append(handles.at(-1));
    }
    shown.places.forEach((place, i) => {
      const spoken = `(${place.map((value) => formatNumber(value, 2)).join(", ")})`;
      handles[i].style.transform = `translate(${at(place).map((value) => `${px(value)}px`).join()})`;
      handles[i].setAttribute("aria-label", texts.handle.replace("{i}", i + 1).replace("{n}", shown.places.length));
      handles[i].setAttribute("aria-valuenow", place[0]);
      handles[i].setAttribute("aria-valuetext", shown.points[i].length > 1 ? spoken : `${spoken}, ${texts.on_wave}`);
    });
  }

  return {
    node,
    svg,
    draw(now) { // { lines: [[style, ys]], places, points, guess, waveAt, secret, pointStyle }
      shown = now;
      if (!width) return;
      const lines = now.lines.map(([style, ys]) =>
        DRAW.line({ style }, Array.from(ys, (y, i) => [GRID[i], clamp(y, [-50, 50])]), at));
      layer.innerHTML = lines.join("") + DRAW.points({ style: now.pointStyle, size: 5.5 }, now.places, at);
      placeHandles();
    },
    resize() { // true if there is something new to draw
      const inner = node.clientWidth - MARGIN.left - MARGIN.right;
      if (inner === width || inner < 100) return false;
      [width, height] = [inner, Math.round(Math.max(200, inner * (inner > 420 ? 0.56 : 0.72)))];
      svg.setAttribute("viewBox", `0 0 ${node.clientWidth} ${height + MARGIN.top + MARGIN.bottom}`);
      const frame = { x: MARGIN.left, y: MARGIN.top, width, height };
      for (const name in frame) box.setAttribute(name, frame[name]);
      axesLayer.innerHTML = drawAxes(axes, at);
      return true;
    },
  };
}
