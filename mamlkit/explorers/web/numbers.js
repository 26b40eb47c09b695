// Numbers: the tables that pack.py wrote, interpolation where a point is dragged, and how a number is written.
const ARRAYS = { u2: Uint16Array, f4: Float32Array, f8: Float64Array };
const NEGLIGIBLE = 1e-9; // scene.py: norms below this read as 0 and have no direction

function unpackTable({ dtype, columns, data, low, step }) {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  const values = new ARRAYS[dtype](bytes.buffer);
  return { columns, at: low ? (i) => low[i % columns] + step[i % columns] * values[i] : (i) => values[i] };
}

const running = (differences, sum = 0) => differences.map((difference) => (sum += difference));

// weights() of grid.py: how much each node counts at a share (s, t) of the dragged point's box.
function nodeWeights(s, t, count) {
  const u = 1 - s - t;
  if (count === 1) return [1];
  if (count === 3) return [u, s, t];
  return [u * (2 * u - 1), s * (2 * s - 1), t * (2 * t - 1), 4 * u * s, 4 * u * t, 4 * s * t];
}

// The rows of one part in one frame; null if the frame is without it, a string if it says words.
function partAt(part, frame, share) {
  const count = part.counts[frame];
  if (count < 0) return count === -1 ? null : part.words[-2 - count];
  const { columns, at } = part.table;
  const weights = nodeWeights(...share, part.nodes);
  const cell = (row, column) => weights.reduce(
    (sum, weight, node) => sum + weight * at(((part.starts[frame] + row) * part.nodes + node) * columns + column), 0);
  return Array.from({ length: count }, (_, row) => Array.from({ length: columns }, (_, column) => cell(row, column)));
}

function formatNumber(value, digits) {
  const size = Math.abs(value);
  if (size < NEGLIGIBLE) return "0";
  if (size >= 0.5 * 10 ** -digits && size < 1e6) return value.toFixed(digits).replace("-", "−");
  const [mantissa, exponent] = value.toExponential(1).split("e");
  const power = String(Number(exponent)).replace(/./g, (c) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(c)]);
  return `${mantissa} × 10${power}`.replace("-", "−");
}

// What a readout states of its numbers: measure() and Readout.__str__() of scene.py.
function readoutText({ rule, unit, digits }, rows) {
  if (typeof rows === "string") return rows;
  const numbers = { value: (v) => v, norm: (v) => [Math.hypot(...v)], angle: degreesBetween }[rule](rows.flat());
  const words = numbers.map((x) => formatNumber(x, digits)).join(", ");
  return words ? (numbers.length === 1 ? words : `(${words})`) + unit : "–";
}

function degreesBetween([a, b, c, d]) { // nothing where a vector vanishes
  if (Math.min(Math.hypot(a, b), Math.hypot(c, d)) < NEGLIGIBLE) return [];
  return [Math.atan2(Math.abs(a * d - b * c), a * c + b * d) * 180 / Math.PI];
}
