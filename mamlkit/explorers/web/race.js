// The race on one wave: the reader's task, and the networks that take gradient steps on its support points. No page here.
//
// A task is { height, shift, points }; a point is [x] while it lies on the wave and [x, y] once it was dragged off.

const GRID = Float64Array.from({ length: 101 }, (_, i) => -5 + i / 10); // where curves are drawn and errors are taken
const HUGE = 1e6; // a loss beyond this has run away

const waveAt = ({ height, shift }, x) => height * Math.sin(x - shift);
const place = (task, [x, y = waveAt(task, x)]) => [x, y];
const spread = (from, to, count, i) => from + (to - from) * i / (count - 1);

// A guess is kept at evenly spaced inputs and joined by straight lines.
function guessAt(guess, x, [low, high]) {
  const at = (x - low) / (high - low) * (guess.length - 1);
  const i = Math.min(guess.length - 2, Math.max(0, Math.floor(at)));
  return guess[i] + (at - i) * (guess[i + 1] - guess[i]);
}

function startRace(spec, state) {
  const setting = spec.switches.map(({ name }) => state[name]);
  const places = state.points.map((point) => place(state, point));
  const runners = spec.runners.map(({ name, label, variants }) => {
    const { sizes, weights, rate } = variants.find(({ when }) => when.every((value, i) => value === setting[i]));
    return { name, label, rate, network: networkFrom(sizes, spec.weights[weights]), errors: [], ranAway: null };
  });
  const race = { step: 0, runners, truth: GRID.map((x) => waveAt(state, x)),
    x: Float64Array.from(places, ([x]) => x), y: Float64Array.from(places, ([, y]) => y) };
  runners.forEach((runner) => record(race, runner));
  return race;
}

function record(race, runner) { // the first hundred errors, then one in ten, then one in a hundred
  runner.curve = predict(runner.network, GRID);
  const [last, error] = [runner.errors.at(-1)?.[0] ?? -1, meanSquare(runner.curve, race.truth)];
  const every = 10 ** Math.max(0, Math.floor(Math.log10(Math.max(1, last))) - 1);
  runner.now = [race.step, error];
  if (last < 0 || race.step - last >= every) runner.errors.push(runner.now);
}

function stepOnce(race, look) {
  race.step++;
  for (const runner of race.runners) {
    if (runner.ranAway !== null) continue;
    const next = gradientStep(runner.network, race.x, race.y, runner.rate);
    const loss = meanSquare(predict(next, race.x), race.y);
    if (!(loss < HUGE)) runner.ranAway = race.step; // also where it is NaN; the last sound network stays
    else runner.network = next;
    if (look || race.step <= 100 || race.step % 10 === 0) record(race, runner);
  }
}

// Take steps until `target`, or until `milliseconds` are over; true once the target is reached.
function advance(race, target, milliseconds) {
  const end = performance.now() + milliseconds;
  while (race.step < target && performance.now() < end) stepOnce(race, race.step + 1 === target);
  return race.step >= target;
}

const guessError = (race, guess, inputs) =>
  meanSquare(GRID.map((x) => guessAt(guess, x, inputs)), race.truth);

// What a link names of the state, as state.js wants it: #name:height=3&shift=1&points=-4.6,0.2:1.5&steps=3&guess=...
function linkedParts(spec, state) {
  const { limits } = spec;
  const number = (string) => (string.trim() === "" ? NaN : Number(string));
  const allowed = (value, [low, high]) => value >= low && value <= high;
  const short = (value) => String(Number(value.toFixed(2)));
  const onPlot = ([x, y, more]) => allowed(x, limits.x) && (y === undefined || allowed(y, limits.y)) && more === undefined;
  const parts = {
    points: {
      text: (points) => points.map((point) => point.map(short).join(":")).join(","),
      parse: (string) => [string.split(",").map((point) => point.split(":").map(number))].find((points) =>
        allowed(points.length, limits.points) && points.every(onPlot)),
    },
    steps: { text: String, parse: (string) =>
      [number(string)].find((steps) => Number.isInteger(steps) && allowed(steps, [0, limits.steps])) },
    guess: {
      text: (guess) => guess.map(short).join(","),
      parse: (string) => [string ? string.split(",").map(number) : []].find((guess) => guess.length === 0
        || (guess.length === limits.knots && guess.every((y) => allowed(y, limits.y)))),
    },
    secret: { text: String, parse: (string) => ({ false: false, true: true })[string] },
  };
  for (const { name, values } of spec.controls) {
    parts[name] = { text: short, parse: (string) =>
      [number(string)].find((value) => allowed(value, [values[0], values.at(-1)])) };
  }
  for (const { name, values } of spec.switches) {
    parts[name] = { text: String, parse: (string) => valueNamed(values, string) };
  }
  return Object.entries(parts).map(([name, { text, parse }]) => ({ name, parse, get: () => text(state()[name]) }));
}
