// Previews of links: see previews.py. One box serves the page; it can be pointed at, and Escape closes it.
document.addEventListener("DOMContentLoaded", () => {
  const store = document.querySelector(".previews");
  if (!store) return;
  const contents = new Map([...store.children].map((node) => [node.dataset.preview, node]));
  const box = Object.assign(document.createElement("div"), { id: "preview", className: "preview", hidden: true });
  box.setAttribute("role", "tooltip");
  document.body.append(box);
  let [timer, shown] = [0, null];

  function show(link) {
    hide();
    const anchor = decodeURIComponent(link.hash.slice(1));
    const here = document.getElementById(anchor); // on this page mathematics is typeset already
    const source = contents.get(anchor);
    box.replaceChildren(...(here?.matches(".math") ? here : source).cloneNode(true).childNodes);
    box.hidden = false;
    place(link);
    link.setAttribute("aria-describedby", "preview");
    link.removeAttribute("title"); // or the browser would show a second box
    shown = link;
  }

  function place(link) {
    const [at, size] = [link.getClientRects()[0], box.getBoundingClientRect()];
    const left = Math.min(Math.max(8, at.left), document.documentElement.clientWidth - size.width - 8);
    const above = at.top - size.height - 6;
    box.style.left = `${left + scrollX}px`;
    box.style.top = `${(above > 60 ? above : at.bottom + 6) + scrollY}px`;
  }

  function hide() {
    clearTimeout(timer);
    shown?.removeAttribute("aria-describedby");
    [box.hidden, shown] = [true, null];
  }

  const later = (action, wait) => { clearTimeout(timer); timer = setTimeout(action, wait); };
  for (const link of document.querySelectorAll("article a.reference.internal[href*='#']:not(.mk-sets)")) {
    if (!contents.has(decodeURIComponent(link.hash.slice(1)))) continue;
    link.addEventListener("mouseenter", () => later(() => show(link), 250));
    link.addEventListener("mouseleave", () => later(hide, 300));
    link.addEventListener("focus", () => link.matches(":focus-visible") && show(link));
    link.addEventListener("blur", hide);
  }
  box.addEventListener("mouseenter", () => clearTimeout(timer));
  box.addEventListener("mouseleave", () => later(hide, 300));
  document.addEventListener("keydown", (event) => event.key === "Escape" && hide());
});
