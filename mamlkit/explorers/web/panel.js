// One plot of a figure: its axes, its marks, and what the pointer finds there.

function makePanel({ name, axes, arrows, alt, width: share, marks }, { unique, texts, hidden, light }) {
  const widest = (ticks) => Math.max(...ticks.map((tick) => formatNumber(tick, decimalsOf(ticks)).length)) * 7; // pixels
  const margin = axes.frame ? { ...MARGIN, left: Math.max(MARGIN.left, widest(axes.yticks) + 32) }
    : { left: 12, right: 12, top: 12, bottom: 12 };
  const node = element("div", { class: "mk-plot", "data-panel": name, style: `flex: ${share} 1 ${16 * Math.min(1, share)}rem`,
    pointermove: (event) => look(event), pointerdown: (event) => look(event),
    pointerleave: (event) => event.pointerType !== "touch" && forget() });
  node.innerHTML = `<svg role="img"><clipPath id="${unique}-${name}"><rect/></clipPath><g class="mk-axes"></g>
    <g clip-path="url(#${unique}-${name})"><g class="mk-marks"></g><g class="mk-guide"></g></g></svg>`;
  const [svg, box, axesLayer, , markLayer, guide] = node.querySelectorAll("svg, rect, g");
  const tip = element("div", { class: "mk-tip", "aria-hidden": "true" });
  node.append(tip);

  // One unit of the drawing is one pixel, so that text keeps its size on a narrow screen.
  let [left, width, height] = [margin.left, 0, 0]; // of the plot within its margins
  const [xspan, yspan] = [axes.xlim, axes.ylim].map(([low, high]) => high - low);
  const at = ([x, y]) => [left + (x - axes.xlim[0]) / xspan * width,
    margin.top + height - (y - axes.ylim[0]) / yspan * height];
  const plane = ([x, y]) => [axes.xlim[0] + (x - left) / width * xspan,
    axes.ylim[0] + (margin.top + height - y) / height * yspan];
  const pixels = ({ clientX, clientY }) => {
    const corner = svg.getBoundingClientRect();
    return [clientX - corner.left, clientY - corner.top];
  };
  const space = { axes, at, plane, texts, scale: 1, box: EVERYWHERE };
  let shown = []; // [mark, rows] of what is drawn now
  let pointer = null; // where it is, in pixels
  let lit = null;

  function draw(content) {
    const lengths = content.filter(([mark]) => mark.kind === "arrow").map(([, rows]) => Math.hypot(...rows[1]));
    space.scale = arrows ? arrows.longest / Math.max(...lengths, arrows.full_at) : 1;
    shown = content.filter(([mark]) => !hidden.has(mark.key));
    const drawn = shown.map(([mark, rows]) =>
      `<g data-mark="${escape(mark.name)}">${DRAW[mark.kind](mark, rows, at, space.scale, space.box)}</g>`);
    const tags = shown.filter(([mark]) => mark.tag).map(([mark, rows]) => drawTag(mark, rows, at, space.scale));
    markLayer.innerHTML = `${drawn.join("")}<g class="mk-tags">${tags.join("")}</g>`;
    lightUp(lit);
    if (pointer) find();
  }

  function lightUp(key) { // the marks of this key stand out from all others
    lit = key;
    const any = key !== null && shown.some(([mark]) => mark.key === key);
    markLayer.classList.toggle("mk-dim", any);
    shown.forEach(([mark], i) => markLayer.children[i].classList.toggle("mk-lit", any && mark.key === key));
  }

  function look(event) {
    if (event.target.closest(".mk-handle") && event.buttons) return forget(); // what is dragged speaks for itself
    pointer = pixels(event);
    find();
  }

  function forget() {
    if (!pointer) return;
    pointer = null;
    hush();
    light(null);
  }

  function hush() {
    tip.replaceChildren();
    guide.innerHTML = "";
  }

  function find() {
    let [best, least, place] = [null, NEAR, null];
    for (const [mark, rows] of shown) {
      const [distance, there] = REACH[mark.kind](mark, rows, space, pointer);
      if (distance <= least) [best, least, place] = [[mark, rows], distance, there];
    }
    const curves = heights();
    const read = best && !(curves.length && best[0].kind === "line");
    const lines = read ? [tipLine(best[0], describeMark(...best, space, place))] : [];
    if (curves.length) {
      const x = plane(pointer)[0];
      lines.push(element("div", {}, element("span", {}, axes.xlabel), element("b", {}, formatNumber(x, digitsOf(axes.xlim)))),
        ...curves.map(([mark, y]) => tipLine(mark, formatNumber(y, digitsOf(axes.ylim)))));
      const dots = curves.map(([{ style }, y]) => MARKERS.circle(...at([x, y]), 4)
        .replace("/>", ` fill="${style.color}"/>`));
      guide.innerHTML = `<path d="M${px(pointer[0])} ${margin.top}v${height}"/>${dots.join("")}`;
    } else guide.innerHTML = "";
    say(lines, pointer);
    light(best && best[0].key);
  }

  function heights() { // of each curve over the pointer, where x and y are different things
    const inside = within(pointer, [left, margin.top, left + width, margin.top + height]);
    if (axes.equal || !inside) return [];
    const x = plane(pointer)[0];
    return shown.filter(([mark]) => mark.kind === "line" && mark.label)
      .map(([mark, rows]) => [mark, heightAt(rows, x)]).filter(([, y]) => y !== undefined);
  }

  function tipLine(mark, numbers) {
    const line = element("div", {}, element("span", {}, mark.called), element("b", {}, numbers));
    line.insertAdjacentHTML("afterbegin", swatch(mark));
    return line;
  }

  function say(lines, [x, y]) { // beside the pointer where there is room, else above or below it
    tip.replaceChildren(...lines);
    const room = node.clientWidth;
    tip.style.cssText = `left: 0; max-width: ${px(room)}px`;
    const [wide, high] = [tip.offsetWidth, tip.offsetHeight];
    const beside = Math.max(x, room - x) >= wide + 16;
    const from = beside ? (room - x >= wide + 16 ? x + 16 : x - wide - 16) : Math.min(Math.max(0, x - wide / 2), room - wide);
    const top = beside ? Math.max(0, Math.min(y - 12, height - high)) : y > high + 16 ? y - high - 16 : y + 18;
    tip.style.cssText = `left: ${px(from)}px; top: ${px(top)}px; max-width: ${px(room)}px`;
  }

  function tell(key) { // what the legend names
    const [mark, rows] = shown.findLast(([each]) => each.key === key) ?? [];
    if (!mark) return hush();
    const tips = { arrow: () => rows[0].map((x, i) => x + space.scale * rows[1][i]), ellipses: () => rows[0] };
    const [x, y] = at((tips[mark.kind] ?? (() => rows.at(-1)))());
    say([tipLine(mark, describeMark(mark, rows, space))],
      [Math.min(left + width, Math.max(left, x)), Math.min(height, Math.max(0, y))]);
  }

  function resize() { // true if it changed; a plot is never higher than most of the window
    const room = node.clientWidth - margin.left - margin.right;
    const highest = Math.max(260, 0.85 * innerHeight);
    const inner = axes.equal ? Math.min(room, highest * xspan / yspan) : room;
    if (room < 60 || (inner === width && left === margin.left + (room - inner) / 2)) return false;
    [left, width] = [margin.left + (room - inner) / 2, inner];
    height = Math.round(axes.equal ? inner * yspan / xspan : Math.min(highest, Math.max(200, inner * 0.62)));
    svg.setAttribute("viewBox", `0 0 ${node.clientWidth} ${height + margin.top + margin.bottom}`);
    const frame = { x: left, y: margin.top, width, height };
    for (const side in frame) box.setAttribute(side, frame[side]);
    space.box = [left - 20, margin.top - 20, left + width + 20, margin.top + height + 20];
    const xticks = thinned(axes.xticks, width / xspan, widest(axes.xticks) + 10);
    const yticks = thinned(axes.yticks, height / yspan, 18);
    axesLayer.innerHTML = axes.frame ? drawAxes({ ...axes, xticks, yticks }, at) : "";
    return true;
  }

  const describe = (words) => svg.setAttribute("aria-label", words ? `${alt} ${words}` : alt);
  return { name, node, marks, axes, at, plane, pixels, draw, lightUp, tell, hush, forget, resize, describe };
}
