// A small fully connected network with rectified linear units: what it answers, and one gradient step of it. This is the
// one piece of the book's mathematics that is written in JavaScript; a test holds it against mamlkit.engine. No page here.
//
// A network is { sizes, params }: sizes such as [1, 40, 40, 1], and one Float64Array that holds, layer after layer, the
// weights W (in x out, by rows) and then the biases b (out), as mamlkit.models.mlp has them. An array of n vectors of m
// numbers is one Float64Array of n * m, example after example.

function layersOf({ sizes, params }) { // views into params: writing to them writes to the network
  let start = 0;
  const take = (count) => params.subarray(start, (start += count));
  return sizes.slice(1).map((out, l) => ({ inputs: sizes[l], out, W: take(sizes[l] * out), b: take(out) }));
}

const countOf = (sizes) => sizes.slice(1).reduce((sum, out, l) => sum + (sizes[l] + 1) * out, 0);

// Weights travel as float32, little-endian, in base64; everything is computed in float64.
function networkFrom(sizes, base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  const params = Float64Array.from(new Float32Array(bytes.buffer));
  if (params.length !== countOf(sizes)) throw new RangeError(`${params.length} numbers for layers of ${sizes}`);
  return { sizes, params };
}

// Forward. With a_0 = x, layer l computes z_l = a_(l-1) W_l + b_l, and hands on a_l = max(z_l, 0); the last layer hands
// on z itself. Returned are [a_0, a_1, ..., a_L], each for all n examples.
function forward(network, x) {
  const layers = layersOf(network);
  const n = x.length / network.sizes[0];
  const activations = [Float64Array.from(x)];
  layers.forEach(({ inputs, out, W, b }, l) => {
    const [a, z] = [activations[l], new Float64Array(n * out)];
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < out; k++) z[i * out + k] = b[k];
      for (let j = 0; j < inputs; j++) {
        const value = a[i * inputs + j];
        if (value === 0) continue; // a unit that is off adds nothing
        for (let k = 0; k < out; k++) z[i * out + k] += value * W[j * out + k];
      }
    }
    activations.push(l < layers.length - 1 ? z.map((value) => Math.max(value, 0)) : z);
  });
  return activations;
}

const predict = (network, x) => forward(network, x).at(-1);

// The loss is the mean of (a_L - y)^2 over all numbers in y, as everywhere in the book.
const meanSquare = (answers, y) => answers.reduce((sum, answer, i) => sum + (answer - y[i]) ** 2, 0) / y.length;

// Backward. Write d_l for the slope of the loss in z_l. The chain rule, from the last layer to the first:
//   d_L = 2 (a_L - y) / (numbers in y)           the slope of the mean square; the last layer has a_L = z_L
//   slope in W_l = sum over examples of a_(l-1)' d_l      since z_l = a_(l-1) W_l + b_l
//   slope in b_l = sum over examples of d_l
//   d_(l-1) = (d_l W_l') where z_(l-1) > 0, else 0        max(z, 0) has slope 1 above zero and, as in PyTorch, 0 at it
// where ' swaps rows and columns. From max(z, 0) > 0 one can tell z > 0, so the activations are all that is kept.
function lossAndGradient(network, x, y) {
  const activations = forward(network, x);
  const gradient = new Float64Array(network.params.length);
  const [layers, slopes] = [layersOf(network), layersOf({ sizes: network.sizes, params: gradient })];
  let d = activations.at(-1).map((answer, i) => 2 * (answer - y[i]) / y.length);
  for (let l = layers.length - 1; l >= 0; l--) {
    const { inputs, out, W } = layers[l];
    const a = activations[l];
    const before = new Float64Array(a.length);
    for (let i = 0; i < a.length / inputs; i++) {
      for (let k = 0; k < out; k++) slopes[l].b[k] += d[i * out + k];
      for (let j = 0; j < inputs; j++) {
        const value = a[i * inputs + j];
        if (l > 0 && value === 0) continue; // off: no slope passes, and its row of W gets none
        let sum = 0;
        for (let k = 0; k < out; k++) {
          slopes[l].W[j * out + k] += value * d[i * out + k];
          sum += d[i * out + k] * W[j * out + k];
        }
        before[i * inputs + j] = sum;
      }
    }
    d = before;
  }
  return { loss: meanSquare(activations.at(-1), y), gradient };
}

// One inner step: params - rate * gradient (claim R1). Returns a new network; the old one stays as it was.
function gradientStep(network, x, y, rate) {
  const { gradient } = lossAndGradient(network, x, y);
  return { ...network, params: network.params.map((value, i) => value - rate * gradient[i]) };
}
