// Questions that answer back. Everything to be said is in the page already, so that it can be read without scripts and
// MathJax has typeset it; here the sentence that fits the reader's answer is moved to where it is announced.

// A number as people write it: point or comma, a fraction, either kind of minus sign. NaN for anything else.
function readNumber(text) {
  const plain = text.replace(/[−–]/g, "-").replace(/\s/g, "").replace(/,/g, ".");
  const parts = plain.split("/");
  const numeral = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
  if (parts.length > 2 || !parts.every((part) => numeral.test(part))) return NaN;
  const value = parts.length === 2 ? Number(parts[0]) / Number(parts[1]) : Number(plain);
  return Number.isFinite(value) ? value : NaN;
}

// The answer of the list that a number counts as; undefined if none is within the tolerance.
function nearest(values, number, tolerance) {
  const within = values.filter((value) => Math.abs(value - number) <= tolerance + 1e-12 * Math.abs(value));
  return within.sort((a, b) => Math.abs(a - number) - Math.abs(b - number))[0];
}

const notebook = { // the reader's answers, on this machine; a browser may refuse
  key: (name) => `mamlkit:question:${location.pathname}#${name}`,
  read(name) { try { return localStorage.getItem(this.key(name)); } catch { return null; } },
  write(name, answer) {
    try {
      if (answer === null) localStorage.removeItem(this.key(name));
      else localStorage.setItem(this.key(name), answer);
      return true;
    } catch { return false; }
  },
};

function ask(root) {
  const [form, verdict] = [root.querySelector("form"), root.querySelector(".mk-verdict")];
  const { kind, words, tolerance } = JSON.parse(form.dataset.question);
  const [, forget] = form.querySelectorAll("button");
  const input = form.querySelector("input[type=text]");
  const folds = [...form.querySelectorAll("details")];
  const radios = [...form.querySelectorAll("input[type=radio]")];
  let lent = null; // the sentence that is shown, and the place it came from

  function say(lead, source, right) {
    lent?.home.append(lent.node);
    lent = source && { node: source.firstElementChild, home: source };
    const mark = source ? [element("span", { "aria-hidden": true }, right ? "✓ " : "✗ ")] : [];
    verdict.replaceChildren(element("p", {}, ...mark, element("b", {}, lead)), ...(lent ? [lent.node] : []));
    verdict.dataset.verdict = source ? (right ? "right" : "wrong") : "none";
  }

  function judge() { // what the form holds now; false if that is no answer
    const fold = (value) => folds.find((fold) => Number(fold.dataset.value) === value);
    const chosen = radios.find((radio) => radio.checked);
    const number = input ? readNumber(input.value) : Number(chosen?.value ?? NaN);
    const text = input?.value.trim();
    if (Number.isNaN(number)) {
      say(text ? words.unread.replace("{text}", text) : words.none);
      return false;
    }
    const found = fold(input ? nearest(folds.map((fold) => Number(fold.dataset.value)), number, tolerance) : number);
    const right = found?.hasAttribute("data-right") ?? false;
    say(right ? words.right : words.wrong, found?.querySelector("div") ?? form.querySelector("[data-otherwise]"), right);
    return true;
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!judge()) return;
    forget.hidden = false;
    const answer = input ? input.value : form.querySelector(":checked").value;
    if (!notebook.write(root.dataset.name, answer)) verdict.append(element("p", { class: "mk-note" }, words.unkept));
  });
  form.addEventListener("reset", () => {
    notebook.write(root.dataset.name, null);
    lent?.home.append(lent.node);
    lent = null;
    verdict.replaceChildren();
    delete verdict.dataset.verdict;
    forget.hidden = true;
    (input ?? radios[0]).focus();
  });
  root.dataset.lmSuppressShortcuts = "true"; // keys stay here: a notebook would take letters and arrows as commands
  for (const type of ["keydown", "keyup", "keypress"]) root.addEventListener(type, (event) => event.stopPropagation());

  const kept = notebook.read(root.dataset.name);
  const radio = radios.find((radio) => radio.value === kept);
  if (kept === null || (kind === "choice" && !radio)) return;
  if (radio) radio.checked = true;
  else input.value = kept;
  forget.hidden = !judge();
}

wakeAll(".mk-question[data-static]", (root) => {
  root.removeAttribute("data-static"); // now there is a script, and the folded answers make way
  ask(root);
});
