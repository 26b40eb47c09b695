// Before a page is printed it takes light colours, and what is folded opens; afterwards all is as it was.
// Folded code and tables of numbers stay as the reader left them.
(() => {
  const FOLDED = "article details:not([open], .hide, .mk-numbers, .mk-question details)";
  const page = document.documentElement;
  let before = null; // how the page stood; null while it is not on paper

  function toPaper() {
    if (before) return;
    before = { theme: page.dataset.theme, opened: [...document.querySelectorAll(FOLDED)] };
    page.dataset.theme = "light";
    for (const details of before.opened) details.open = true;
  }

  function fromPaper() {
    if (!before) return;
    page.dataset.theme = before.theme;
    for (const details of before.opened) details.open = false;
    before = null;
  }

  addEventListener("beforeprint", toPaper);
  addEventListener("afterprint", fromPaper);
  matchMedia("print").addEventListener("change", (event) => (event.matches ? toPaper() : fromPaper()));
})();
