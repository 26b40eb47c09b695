// States in links: #name:alpha=0.3&theta=0.5,1. A link names some controls; what is unknown or out of range is told.
function stateOf(hash, name, controls) { // null if the link is another's
  if (!hash.startsWith(`#${name}:`)) return null;
  const fields = new URLSearchParams(hash.slice(name.length + 2));
  const [values, bad] = [{}, []];
  for (const key of new Set(fields.keys())) {
    const value = controls.find((control) => control.name === key)?.parse(fields.get(key));
    if (value === undefined) bad.push(`${key}=${fields.get(key)}`);
    else values[key] = value;
  }
  return { values, bad };
}

const linkTo = (name, controls) => `#${name}:${controls.map((each) => `${each.name}=${each.get()}`).join("&")}`;

// Links of the prose, on a page or in a notebook: a click sets the figure instead of leaving the place.
function followLinks(name, controls, follow, signal) {
  document.addEventListener("click", (event) => {
    const href = event.target.closest?.("a[href^='#']")?.getAttribute("href");
    if (!href || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const state = stateOf(href, name, controls);
    if (!state) return;
    event.preventDefault();
    event.stopPropagation();
    follow(state, href);
  }, { capture: true, signal });
}

function inView(node) { // whether a good part of it can be seen
  const { top, bottom } = node.getBoundingClientRect();
  return Math.min(bottom, innerHeight) - Math.max(top, 0) >= Math.min(0.5 * (bottom - top), 0.4 * innerHeight);
}
