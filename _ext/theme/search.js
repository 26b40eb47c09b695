// On the page of the search: names of the package's objects hold dots, which Sphinx's own look-up of an excerpt takes
// for classes.
(() => {
  const plain = Search.htmlToText;
  Search.htmlToText = (text, anchor) => plain(text, anchor ? `#${CSS.escape(anchor.slice(1))}` : anchor);
})();
