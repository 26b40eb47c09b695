// How the search ranks pages: as Sphinx does, but a worked solution comes after the exercise that it solves.
var Scorer = {
  score: ([name, , , , score]) => (name.startsWith("solutions/") ? score - 50 : score),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
