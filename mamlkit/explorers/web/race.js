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

// ---- links: #name:height=3&shift=1&points=-4.6,0.2:1.5&steps=3&guess=...&secret=1 ----------------------------------
const short = (value, digits = 2) => String(Number(value.toFixed(digits)));

function writeState(spec, state) {
  const points = state.points.map((point) => point.map((value) => short(value)).join(":"));
  const fields = { height: short(state.height), shift: short(state.shift), points: points.join(","), steps: state.steps };
  for (const { name } of spec.switches) fields[name] = state[name];
  if (state.guess.length) fields.guess = state.guess.map((value) => short(value)).join(",");
  if (state.secret) fields.secret = 1;
  return Object.entries(fields).map(([name, value]) => `${name}=${value}`).join("&");
}

// What a link asks for: { values, complaints }. What it cannot have is left out and told in a sentence.
function readState(spec, text) {
  const [fields, values, complaints] = [new URLSearchParams(text), {}, []];
  const { texts, limits } = spec;
  const number = (string) => (string.trim() === "" ? NaN : Number(string));
  const within = (value, [low, high]) => value >= low && value <= high;
  const take = (name, read) => {
    if (!fields.has(name)) return;
    const value = read(fields.get(name));
    if (value === undefined) complaints.push(texts.bad_part.replace("{part}", `${name}=${fields.get(name).slice(0, 60)}`));
    else values[name] = value;
  };
  const inRange = (low, high) => (string) => [number(string)].find((value) => within(value, [low, high]));
  for (const control of spec.controls) take(control.name, inRange(control.values[0], control.values.at(-1)));
  take("steps", (string) => [number(string)].find((n) => Number.isInteger(n) && within(n, [0, limits.steps])));
  take("secret", (string) => ({ 0: false, 1: true })[string]);
  for (const control of spec.switches) take(control.name, (string) => control.values.find((v) => String(v) === string));
  take("guess", (string) => [string.split(",").map(number)].find((guess) =>
    guess.length === limits.knots && guess.every((value) => within(value, limits.y))));
  take("points", (string) => {
    const asked = string.split(",").map((point) => point.split(":").map(number));
    const fine = asked.filter((point) => point.length < 3 && within(point[0], limits.x)
      && (point.length < 2 || within(point[1], limits.y)));
    const [least, most] = limits.points;
    if (fine.length < asked.length) {
      complaints.push(texts.bad_points.replace("{count}", asked.length - fine.length));
    }
    if (fine.length > most) complaints.push(texts.many_points);
    if (fine.length >= least) return fine.slice(0, most);
    complaints.push(texts.few_points);
    return spec.points; // the usual ones
  });
  return { values, complaints };
}
