// What a reader types, as the words of the index (search.py): Greek letters by their names, Chinese by the words of the
// glossary, which a sentence does not part by spaces.
function splitQuery(query) {
  const letters = LETTERS;
  const han = /[\u3400-\u9fff]+/gu;
  const known = Object.keys(Search._index?.indexentries ?? {}).filter((entry) => entry.match(/^[\u3400-\u9fff]+$/u))
    .sort((a, b) => b.length - a.length);
  const within = (words) => { // the longest words of the glossary in a run of Chinese, or the run itself
    const found = words.match(new RegExp(known.join("|") || "$^", "gu"));
    return ` ${(found ?? [words]).join(" ")} `;
  };
  const spelled = query.replace(/\p{Script=Greek}/gu, (letter) => ` ${letters[letter] ?? letter} `);
  return spelled.replace(han, within).split(/[^\p{Letter}\p{Number}_]+/gu).filter(Boolean);
}
