// What the reader has marked as read or done: progress.py puts the buttons and the list into the pages, this wakes them.
// The marks are one entry of the browser's own store, page -> day. Nothing is sent anywhere.
(() => {
  const KEY = "mamlkit:progress";
  const DAY = /^\d{4}-\d{2}-\d{2}$/;
  const MOST = 1e5; // bytes of a file that may be a list of marks
  const words = window.progressWords;
  const fill = (sentence, fields) => sentence.replace(/\{(\w+)\}/g, (_, name) => fields[name]);
  const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
  const today = () => new Date(Date.now() - 60000 * new Date().getTimezoneOffset()).toISOString().slice(0, 10);
  const kindOf = (page) => (page.startsWith("exercises/") ? "done" : "read");

  // ---- the store, which a browser may refuse ----
  let marks = new Map();
  function read() {
    let kept = null;
    try { kept = JSON.parse(localStorage.getItem(KEY)); } catch { return; } // refused, or written by someone else
    marks = new Map(isObject(kept) ? Object.entries(kept).filter(([, day]) => DAY.test(day)) : []);
  }
  function write() { // false if the browser keeps nothing
    try {
      if (marks.size) localStorage.setItem(KEY, JSON.stringify(Object.fromEntries(marks)));
      else localStorage.removeItem(KEY);
      return true;
    } catch { return false; }
  }

  // ---- what is shown ----
  const root = new URL(document.documentElement.dataset.content_root ?? "./", location.href).href;
  const pageOf = (link) => link.href.split("#")[0].replace(root, "").replace(/\.html$/, "");
  const here = document.querySelector(".progress-mark");
  const list = document.querySelector(".progress-list");
  const states = list ? [...list.querySelectorAll("[data-page]")] : [];

  function tick(link, page) { // the check mark in the table of contents, with a word for those who hear it
    const old = link.querySelector(".progress-check");
    if (Boolean(old) === marks.has(page)) return;
    if (old) return old.remove();
    const [check, sign, word] = ["span", "span", "span"].map((tag) => document.createElement(tag));
    check.className = "progress-check";
    sign.setAttribute("aria-hidden", "true");
    sign.textContent = "✓";
    word.className = "progress-said";
    word.textContent = ` (${words[kindOf(page)]})`;
    check.append(sign, word);
    link.append(check);
  }

  function show() {
    for (const link of document.querySelectorAll(".bd-links a.reference.internal")) {
      tick(link, link.getAttribute("href") === "#" ? here?.dataset.page ?? "" : pageOf(link));
    }
    here?.querySelector("button").setAttribute("aria-pressed", marks.has(here.dataset.page));
    for (const state of states) {
      const [day, { page, kind }] = [marks.get(state.dataset.page), state.dataset];
      state.textContent = day ? fill(words.on, { state: words[kind], day }) : words.not_yet;
      state.toggleAttribute("data-marked", marks.has(page));
    }
    const count = states.filter((state) => marks.has(state.dataset.page)).length;
    if (list) list.querySelector(".progress-count").textContent = fill(words.count, { count, all: states.length });
  }

  function say(place, ...sentences) { // emptied first, so that the same sentence is announced twice
    place.textContent = "";
    setTimeout(() => (place.textContent = sentences.join(" ")), 50);
  }

  function wakeButton() {
    const [button, status] = [here.querySelector("button"), here.querySelector("[role=status]")];
    button.addEventListener("click", () => {
      const { page } = here.dataset;
      read(); // another tab may have written
      const fresh = !marks.has(page);
      if (fresh) marks.set(page, today());
      else marks.delete(page);
      const kept = write();
      show();
      say(status, !kept ? words.unkept : fresh ? words.kept : words.forgotten);
    });
  }

  // ---- export, import, erase ----
  class WrongFile extends Error {} // its message is what the reader is told

  async function marksIn(file) { // [page, day] of a file
    const wrong = (sentence, fields) => new WrongFile(fill(sentence, { file: file.name, ...fields }));
    if (file.size > MOST) throw wrong(words.too_large);
    let data = null;
    try { data = JSON.parse(await file.text()); } catch { throw wrong(words.not_json); }
    if (!isObject(data) || !isObject(data.progress)) throw wrong(words.not_ours);
    const pages = Object.entries(data.progress);
    const bad = pages.find(([, day]) => !DAY.test(day));
    if (bad) throw wrong(words.not_dates, { page: bad[0] });
    return pages;
  }

  function wakeList() {
    const find = (what) => list.querySelector(what);
    const on = (does, act) => find(`[data-do=${does}]`).addEventListener("click", act);
    const [status, input, dialog] = ["[role=status]", "input[type=file]", "dialog"].map(find);
    const tell = (...sentences) => say(status, ...sentences);
    const settle = (...sentences) => { const kept = write(); show(); tell(...sentences, kept ? "" : words.unkept); };
    on("export", () => {
      const file = "mamlkit-progress.json";
      const body = JSON.stringify({ progress: Object.fromEntries(marks) }, null, 1);
      const address = URL.createObjectURL(new Blob([body], { type: "application/json" }));
      Object.assign(document.createElement("a"), { href: address, download: file }).click();
      setTimeout(() => URL.revokeObjectURL(address), 1000);
      tell(fill(words.exported, { file }));
    });
    on("import", () => input.click());
    input.addEventListener("change", async () => {
      const [file] = input.files;
      input.value = ""; // the same file may be chosen again
      if (!file) return;
      try {
        const pages = await marksIn(file);
        const known = pages.filter(([page]) => states.some((state) => state.dataset.page === page));
        for (const [page, day] of known) if (!(marks.get(page) <= day)) marks.set(page, day);
        const rest = pages.length - known.length;
        settle(fill(words.imported, { count: known.length, file: file.name }), rest ? fill(words.unknown, { count: rest }) : "");
      } catch (reason) {
        if (!(reason instanceof WrongFile)) throw reason;
        tell(reason.message);
      }
    });
    on("erase", () => {
      if (!marks.size) return tell(words.none);
      dialog.querySelector("p").textContent = fill(words.erase, { count: marks.size });
      return dialog.showModal();
    });
    on("keep", () => dialog.close());
    on("really", () => { dialog.close(); marks.clear(); settle(words.erased); });
    if (location.protocol === "file:") tell(words.folder);
  }

  read();
  if (here) wakeButton();
  if (list) wakeList();
  show();
  addEventListener("storage", (event) => { if (event.key === KEY || event.key === null) { read(); show(); } });
  addEventListener("pageshow", (event) => { if (event.persisted) { read(); show(); } });
})();
