// What scrolls sideways can be reached by keyboard, and parts of the theme have a name.
(() => {
  const SCROLLS = "article :is(mjx-container[display=true], div.math, table, pre)";

  // A box is a stop for the Tab key while it holds more than it shows, and only then.
  function reach(box) {
    const scrolls = box.scrollWidth > box.clientWidth + 1 && /auto|scroll/.test(getComputedStyle(box).overflowX);
    if (scrolls && !box.hasAttribute("tabindex")) {
      box.tabIndex = 0;
      box.dataset.reached = "";
    } else if (!scrolls && "reached" in box.dataset) {
      box.removeAttribute("tabindex");
      delete box.dataset.reached;
    }
  }

  function reachAll() {
    document.querySelectorAll(SCROLLS).forEach(reach);
  }

  function name() {
    for (const toggle of document.querySelectorAll("summary > .toctree-toggle")) {
      const link = toggle.closest("li")?.querySelector("a");
      toggle.parentElement.setAttribute("aria-label", link?.textContent.trim() ?? "");
    }
    const sidebar = document.querySelector(".bd-sidebar-primary");
    sidebar?.setAttribute("role", "region");
    sidebar?.setAttribute("aria-label", document.querySelector(".bd-sidebar-primary .title")?.textContent.trim() ?? "");
    // A role that the standard has withdrawn; the list around the entries says enough.
    for (const entry of document.querySelectorAll("[role=doc-biblioentry]")) entry.setAttribute("role", "listitem");
    for (const heading of document.querySelectorAll("h1:empty")) heading.remove(); // of a page without a title
  }

  name();
  let waiting;
  const later = () => {
    clearTimeout(waiting);
    waiting = setTimeout(reachAll, 100);
  };
  addEventListener("resize", later);
  addEventListener("load", () => {
    later();
    window.MathJax?.startup?.promise?.then(later);
  });
  document.addEventListener("toggle", later, true);
})();
