/**
 * TensorFlow Lite's int8 kernels in plain TypeScript, with its fixed-point multipliers, for what a plan describes. It shares
 * nothing with the plan but its data: no float arithmetic is between input codes and output codes, except where the runtime has
 * it too (tables of activations).
 *
 * @module
 */

import { buildGraph, type GraphCall, type GraphTensor, tensorKey } from '../../src/model/graph.ts';
import type { Activation, DataFormat, Padding } from '../../src/model/operation.ts';
import type { TensorScale } from '../../src/quantization/integer/grid-groups.ts';
import type { IntegerPlan } from '../../src/quantization/integer/integer-plan.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/** A tensor of codes, with the samples first. */
export interface Codes {
  readonly shape: readonly number[];
  readonly codes: Int8Array;
  readonly grid: TensorScale;
}

/**
 * Runs a plan on integers.
 *
 * @param watch told of every tensor in the order of the graph; what it returns goes on in its place
 * @returns the outputs
 */
export function runInt8(
  plan: IntegerPlan,
  inputs: readonly Tensor[],
  watch: (tensor: GraphTensor, made: Codes) => Codes | undefined = () => undefined,
): Codes[] {
  const graph = buildGraph(plan.model);
  const tensors = new Map<GraphTensor, Codes>();
  const set = (tensor: GraphTensor, made: Codes): void => {
    tensors.set(tensor, watch(tensor, made) ?? made);
  };
  const gridOf = (tensor: GraphTensor | undefined): TensorScale | undefined =>
    tensor && plan.tensors.get(tensorKey(tensor));
  for (const [index, tensor] of graph.inputs.entries()) {
    const grid = gridOf(tensor);
    const input = inputs[index];
    if (!grid || !input) throw new Error('an input without a grid');
    set(tensor, { shape: input.shape, codes: quantize(input.toFloat64(), grid), grid });
  }
  for (const call of graph.calls) {
    if (call.layer.operation.kind === 'input') continue;
    const output = call.output();
    // A ReLU that was computed together with what it reads.
    if (tensors.has(output) || (call.input && !tensors.has(call.input))) continue;
    const fused = gridOf(output) ? undefined : output.consumers[0];
    const written = fused?.output() ?? output;
    const grid = gridOf(written);
    if (!grid) continue;
    const read = call.inputs.map((tensor) => tensors.get(tensor) as Codes);
    set(written, compute(plan, call, read, grid, fused && activationIn(fused)));
  }
  return graph.outputs.map((tensor) => tensors.get(tensor) as Codes);
}

/** The codes as real numbers. */
export function dequantized({ codes, grid: { scale, zeroPoint } }: Codes): Float64Array {
  return Float64Array.from(codes, (code) => scale * (code - zeroPoint));
}

function quantize(values: ArrayLike<number>, { scale, zeroPoint }: TensorScale): Int8Array {
  return Int8Array.from(values, (value) => clamp(away(value / scale) + zeroPoint, -128, 127));
}

function away(value: number): number {
  return value < 0 ? -Math.floor(-value + 0.5) : Math.floor(value + 0.5);
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

// Fixed-point arithmetic: quantization_util.cc, fixedpoint.h of gemmlowp.

interface Multiplier {
  readonly fixed: bigint;
  readonly shift: number;
}

function multiplierOf(real: number): Multiplier {
  if (real === 0) return { fixed: 0n, shift: 0 };
  let shift = Math.floor(Math.log2(Math.abs(real))) + 1;
  let fraction = real / 2 ** shift;
  if (Math.abs(fraction) >= 1) [fraction, shift] = [fraction / 2, shift + 1];
  if (Math.abs(fraction) < 0.5) [fraction, shift] = [fraction * 2, shift - 1];
  let fixed = away(fraction * 2 ** 31);
  if (fixed === 2 ** 31) [fixed, shift] = [fixed / 2, shift + 1];
  return shift < -31 ? { fixed: 0n, shift: 0 } : { fixed: BigInt(fixed), shift };
}

function times(value: number, { fixed, shift }: Multiplier): number {
  if (!Number.isSafeInteger(value) || Math.abs(value) >= 2 ** 31) throw new Error(`${value} is past 32 bits`);
  const product = BigInt(value) * 2n ** BigInt(Math.max(0, shift)) * fixed;
  const nudge = product >= 0n ? 1n << 30n : 1n - (1n << 30n);
  const high = Number((product + nudge) / (1n << 31n));
  return divideByPower(high, Math.max(0, -shift));
}

function divideByPower(value: number, exponent: number): number {
  const power = 2 ** exponent;
  const floor = Math.floor(value / power);
  const remainder = value - floor * power;
  const threshold = Math.floor((power - 1) / 2) + (value < 0 ? 1 : 0);
  return floor + (remainder > threshold ? 1 : 0);
}

/** The codes between which a fused activation holds what is written. */
function activationEnds(
  activation: Activation | undefined,
  { scale, zeroPoint }: TensorScale,
): [number, number] {
  if (!activation || activation.kind === 'linear') return [-128, 127];
  if (activation.kind !== 'relu' || activation.negativeSlope !== 0 || activation.threshold !== 0) {
    throw new Error(`${activation.kind} is not fused in int8`);
  }
  const { maxValue } = activation;
  const top = maxValue === undefined ? 127 : Math.min(127, zeroPoint + away(maxValue / scale));
  return [Math.max(-128, zeroPoint), top];
}

function activationIn({ layer: { operation, path } }: GraphCall): Activation {
  if (operation.kind !== 'activation') throw new Error(`${path} is no activation`);
  return operation.activation;
}

function compute(
  plan: IntegerPlan,
  call: GraphCall,
  read: readonly Codes[],
  grid: TensorScale,
  behind: Activation | undefined,
): Codes {
  const { operation, path } = call.layer;
  const [first] = read;
  if (!first) throw new Error(`${path} reads nothing`);
  switch (operation.kind) {
    case 'conv':
    case 'depthwiseConv':
      return convolve(plan, call, first, grid, behind ?? operation.activation);
    case 'dense':
      return dense(plan, call, first, grid, behind ?? operation.activation);
    case 'merge':
      return merge(operation.merge, read, grid, behind);
    case 'activation':
      return activate(plan, call, operation.activation, first, grid);
    case 'pool':
      if (operation.global) return operation.reduce === 'max' ? globalMax(first) : mean(first, grid);
      return pool(operation, first);
    case 'cap': {
      const { scale, zeroPoint } = grid;
      const maxima = quantize(operation.maxima, { scale, zeroPoint });
      return { ...first, codes: first.codes.map((code, at) => Math.min(code, maxima[at % maxima.length]!)) };
    }
    case 'zeroPadding':
      return pad(first, operation.padding);
    case 'cropping':
      return crop(first, operation.cropping);
    case 'upSampling':
      if (operation.interpolation === 'bilinear') return resize(first, operation.size);
      if (operation.interpolation !== 'nearest') throw new Error(`${path}: ${operation.interpolation}`);
      return repeat(first, operation.size);
    case 'concatenate':
      return concatenate(read, operation.axis);
    case 'flatten':
      return { ...first, shape: [first.shape[0]!, first.codes.length / first.shape[0]!] };
    case 'reshape':
      return { ...first, shape: [first.shape[0]!, ...operation.targetShape] };
    case 'identity':
      return first;
    default:
      throw new Error(`${path}: there is no int8 kernel of ${operation.kind} here`);
  }
}

interface Window {
  readonly kernelSize: readonly number[];
  readonly strides: readonly number[];
  readonly dilationRate?: readonly number[];
  readonly padding: Padding;
  readonly dataFormat: DataFormat;
}

/** Where a window starts and how many there are, along one axis. */
function slide(size: number, window: Window, axis: number): { count: number; before: number } {
  const stride = window.strides[axis]!;
  const reach = (window.kernelSize[axis]! - 1) * (window.dilationRate?.[axis] ?? 1) + 1;
  if (window.padding === 'valid') return { count: Math.floor((size - reach) / stride) + 1, before: 0 };
  const count = Math.ceil(size / stride);
  return { count, before: Math.floor(Math.max(0, (count - 1) * stride + reach - size) / 2) };
}

/** Calls `visit` for each position of the output with the positions of the input that its window meets. */
function eachWindow(
  shape: readonly number[],
  window: Window,
  visit: (at: number, positions: readonly { readonly at: number; readonly tap: number }[]) => void,
): number[] {
  if (window.dataFormat !== 'channels_last') throw new Error('channels first');
  const [samples = 0, height = 0, width = 0] = shape;
  const [rows, columns] = [slide(height, window, 0), slide(width, window, 1)];
  let out = 0;
  for (let sample = 0; sample < samples; sample++) {
    for (let row = 0; row < rows.count; row++) {
      for (let column = 0; column < columns.count; column++) {
        const positions: { at: number; tap: number }[] = [];
        for (let tapRow = 0; tapRow < window.kernelSize[0]!; tapRow++) {
          for (let tapColumn = 0; tapColumn < window.kernelSize[1]!; tapColumn++) {
            const y = row * window.strides[0]! - rows.before + tapRow * (window.dilationRate?.[0] ?? 1);
            const x =
              column * window.strides[1]! - columns.before + tapColumn * (window.dilationRate?.[1] ?? 1);
            if (y < 0 || y >= height || x < 0 || x >= width) continue;
            const tap = tapRow * window.kernelSize[1]! + tapColumn;
            positions.push({ at: (sample * height + y) * width + x, tap });
          }
        }
        visit(out++, positions);
      }
    }
  }
  return [samples, rows.count, columns.count];
}

/** What stands in a plan for a layer with a kernel. */
function weightsOf(plan: IntegerPlan, path: string, name: string, input: TensorScale, output: TensorScale) {
  const kernel = plan.kernels.get(`${path}/${name}`);
  const bias = plan.biases.get(path);
  if (!kernel || !bias) throw new Error(`${path}: no kernel or no bias`);
  const multipliers = Array.from(kernel.scales, (scale) =>
    multiplierOf((input.scale * scale) / output.scale),
  );
  return { codes: kernel.codes(), bias: bias.codes, multipliers };
}

function convolve(
  plan: IntegerPlan,
  { layer }: GraphCall,
  { shape, codes, grid: input }: Codes,
  grid: TensorScale,
  activation: Activation,
): Codes {
  const { operation, path } = layer;
  if (operation.kind !== 'conv' && operation.kind !== 'depthwiseConv') throw new Error(path);
  if (operation.rank !== 2) throw new Error(`${path}: ${operation.rank} dimensions`);
  const isDepthwise = operation.kind === 'depthwiseConv';
  const weights = weightsOf(plan, path, isDepthwise ? 'depthwiseKernel' : 'kernel', input, grid);
  const inputs = shape[3]!;
  const outputs = weights.bias.length;
  const [low, high] = activationEnds(activation, grid);
  const groups = operation.kind === 'conv' ? operation.groups : 1;
  const [groupInputs, groupOutputs] = [inputs / groups, outputs / groups];
  const made: number[] = [];
  const sizes = eachWindow(shape, operation, (_, positions) => {
    for (let channel = 0; channel < outputs; channel++) {
      let sum = weights.bias[channel]!;
      for (const { at, tap } of positions) {
        if (isDepthwise) {
          const from = Math.floor(channel / (outputs / inputs));
          sum += (codes[at * inputs + from]! - input.zeroPoint) * weights.codes[tap * outputs + channel]!;
          continue;
        }
        const start = Math.floor(channel / groupOutputs) * groupInputs;
        for (let from = 0; from < groupInputs; from++) {
          const weight = weights.codes[(tap * groupInputs + from) * outputs + channel]!;
          sum += (codes[at * inputs + start + from]! - input.zeroPoint) * weight;
        }
      }
      const multiplier = weights.multipliers[channel % weights.multipliers.length]!;
      made.push(clamp(times(sum, multiplier) + grid.zeroPoint, low, high));
    }
  });
  return { shape: [...sizes, outputs], codes: Int8Array.from(made), grid };
}

function dense(
  plan: IntegerPlan,
  { layer }: GraphCall,
  { shape, codes, grid: input }: Codes,
  grid: TensorScale,
  activation: Activation,
): Codes {
  const weights = weightsOf(plan, layer.path, 'kernel', input, grid);
  const inputs = shape.at(-1)!;
  const outputs = weights.bias.length;
  const [low, high] = activationEnds(activation, grid);
  const made = new Int8Array((codes.length / inputs) * outputs);
  for (let row = 0; row < codes.length / inputs; row++) {
    for (let channel = 0; channel < outputs; channel++) {
      let sum = weights.bias[channel]!;
      for (let from = 0; from < inputs; from++) {
        sum += (codes[row * inputs + from]! - input.zeroPoint) * weights.codes[from * outputs + channel]!;
      }
      const multiplier = weights.multipliers[channel % weights.multipliers.length]!;
      made[row * outputs + channel] = clamp(times(sum, multiplier) + grid.zeroPoint, low, high);
    }
  }
  return { shape: [...shape.slice(0, -1), outputs], codes: made, grid };
}

function merge(
  kind: string,
  read: readonly Codes[],
  grid: TensorScale,
  behind: Activation | undefined,
): Codes {
  const [first, second] = read as [Codes, Codes];
  if (first.codes.length !== second.codes.length) throw new Error('broadcasting');
  const [low, high] = activationEnds(behind, grid);
  const pairs = (of: (a: number, b: number) => number): Codes => ({
    shape: first.shape,
    codes: first.codes.map((a, at) => of(a, second.codes[at]!)),
    grid,
  });
  switch (kind) {
    case 'maximum':
      return pairs(Math.max);
    case 'minimum':
      return pairs(Math.min);
    case 'multiply': {
      const multiplier = multiplierOf((first.grid.scale * second.grid.scale) / grid.scale);
      return pairs((a, b) => {
        const product = (a - first.grid.zeroPoint) * (b - second.grid.zeroPoint);
        return clamp(times(product, multiplier) + grid.zeroPoint, low, high);
      });
    }
    case 'add':
    case 'subtract': {
      const sign = kind === 'add' ? 1 : -1;
      const twice = 2 * Math.max(first.grid.scale, second.grid.scale);
      const [one, two] = [
        multiplierOf(first.grid.scale / twice),
        multiplierOf((sign * second.grid.scale) / twice),
      ];
      const output = multiplierOf(twice / (2 ** 20 * grid.scale));
      return pairs((a, b) => {
        const left = times((a - first.grid.zeroPoint) * 2 ** 20, one);
        const right = times((b - second.grid.zeroPoint) * 2 ** 20, two);
        return clamp(times(left + right, output) + grid.zeroPoint, low, high);
      });
    }
    default:
      throw new Error(`there is no int8 kernel of ${kind} here`);
  }
}

function activate(
  plan: IntegerPlan,
  { layer }: GraphCall,
  activation: Activation,
  { shape, codes, grid: input }: Codes,
  grid: TensorScale,
): Codes {
  const alike = multiplierOf(input.scale / grid.scale);
  const rescaled = (code: number): number => times(code - input.zeroPoint, alike) + grid.zeroPoint;
  const each = (of: (code: number, at: number) => number): Codes => ({
    shape,
    codes: codes.map((code, at) => clamp(of(code, at), -128, 127)),
    grid,
  });
  switch (activation.kind) {
    case 'linear':
      return each(rescaled);
    case 'prelu': {
      const slopes = plan.kernels.get(`${layer.path}/alpha`)!;
      const alphas = slopes.codes();
      const negative = multiplierOf((input.scale * slopes.scales[0]!) / grid.scale);
      // Of one slope a channel.
      return each((code, at) =>
        code >= input.zeroPoint
          ? rescaled(code)
          : times((code - input.zeroPoint) * alphas[at % alphas.length]!, negative) + grid.zeroPoint,
      );
    }
    case 'relu': {
      if (activation.negativeSlope === 0) {
        const [low, high] = activationEnds(activation, grid);
        return each((code) => clamp(rescaled(code), low, high));
      }
      const negative = multiplierOf((input.scale * activation.negativeSlope) / grid.scale);
      return each((code) =>
        code >= input.zeroPoint ? rescaled(code) : times(code - input.zeroPoint, negative) + grid.zeroPoint,
      );
    }
    case 'other': {
      const name = activation.name.toLowerCase();
      if (name === 'softmax') return softmax(shape, codes, input, grid);
      const of = { sigmoid: (x: number) => 1 / (1 + Math.exp(-x)), tanh: Math.tanh }[name];
      if (!of) throw new Error(`there is no int8 kernel of ${name} here`);
      return each((code) => away(of(input.scale * (code - input.zeroPoint)) / grid.scale) + grid.zeroPoint);
    }
  }
}

function softmax(shape: readonly number[], codes: Int8Array, input: TensorScale, grid: TensorScale): Codes {
  const depth = shape.at(-1)!;
  const made = new Int8Array(codes.length);
  for (let row = 0; row < codes.length; row += depth) {
    const values = codes.subarray(row, row + depth);
    const most = values.reduce((a, b) => Math.max(a, b), -128);
    const powers = Array.from(values, (code) => Math.exp(input.scale * (code - most)));
    const sum = powers.reduce((a, b) => a + b, 0);
    for (const [at, power] of powers.entries()) {
      made[row + at] = clamp(away(power / (sum * grid.scale)) + grid.zeroPoint, -128, 127);
    }
  }
  return { shape, codes: made, grid };
}

/** MEAN over all but the samples and the channels. */
function mean({ shape, codes, grid: input }: Codes, grid: TensorScale): Codes {
  const [samples, channels] = [shape[0]!, shape.at(-1)!];
  const positions = codes.length / samples / channels;
  const multiplier = multiplierOf(input.scale / (grid.scale * positions));
  const made = new Int8Array(samples * channels);
  for (let at = 0; at < made.length; at++) {
    let sum = -positions * input.zeroPoint;
    for (let position = 0; position < positions; position++) {
      sum += codes[(Math.floor(at / channels) * positions + position) * channels + (at % channels)]!;
    }
    made[at] = clamp(times(sum, multiplier) + grid.zeroPoint, -128, 127);
  }
  return { shape: [samples, channels], codes: made, grid };
}

function globalMax({ shape, codes, grid }: Codes): Codes {
  const [samples, channels] = [shape[0]!, shape.at(-1)!];
  const made = new Int8Array(samples * channels).fill(-128);
  const size = codes.length / samples;
  for (const [at, code] of codes.entries()) {
    const to = Math.floor(at / size) * channels + (at % channels);
    made[to] = Math.max(made[to]!, code);
  }
  return { shape: [samples, channels], codes: made, grid };
}

function pool(
  operation: {
    readonly reduce: 'max' | 'average';
    readonly poolSize: readonly number[];
    readonly strides: readonly number[];
    readonly padding: Padding;
    readonly dataFormat: DataFormat;
  },
  { shape, codes, grid }: Codes,
): Codes {
  const channels = shape[3]!;
  const made: number[] = [];
  const sizes = eachWindow(shape, { ...operation, kernelSize: operation.poolSize }, (_, positions) => {
    for (let channel = 0; channel < channels; channel++) {
      const values = positions.map(({ at }) => codes[at * channels + channel]!);
      if (operation.reduce === 'max') {
        made.push(Math.max(...values));
        continue;
      }
      const sum = values.reduce((a, b) => a + b, 0);
      const half = Math.floor(values.length / 2);
      made.push(Math.trunc((sum > 0 ? sum + half : sum - half) / values.length));
    }
  });
  return { shape: [...sizes, channels], codes: Int8Array.from(made), grid };
}

type Sides = readonly (readonly [number, number])[];

function pad({ shape, codes, grid }: Codes, [rows = [0, 0], columns = [0, 0]]: Sides): Codes {
  const [samples = 0, height = 0, width = 0, channels = 0] = shape;
  const padded = [samples, height + rows[0] + rows[1], width + columns[0] + columns[1], channels];
  const made = new Int8Array(padded.reduce((a, b) => a * b, 1)).fill(grid.zeroPoint);
  for (let row = 0; row < samples * height; row++) {
    const target = Math.floor(row / height) * padded[1]! + rows[0] + (row % height);
    const from = codes.subarray(row * width * channels, (row + 1) * width * channels);
    made.set(from, (target * padded[2]! + columns[0]) * channels);
  }
  return { shape: padded, codes: made, grid };
}

function crop({ shape, codes, grid }: Codes, [rows = [0, 0], columns = [0, 0]]: Sides): Codes {
  const [samples = 0, height = 0, width = 0, channels = 0] = shape;
  const cropped = [samples, height - rows[0] - rows[1], width - columns[0] - columns[1], channels];
  const made: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    for (let row = rows[0]; row < height - rows[1]; row++) {
      const start = ((sample * height + row) * width + columns[0]) * channels;
      made.push(...codes.subarray(start, start + cropped[2]! * channels));
    }
  }
  return { shape: cropped, codes: Int8Array.from(made), grid };
}

function repeat({ shape, codes, grid }: Codes, [tall = 1, wide = 1]: readonly number[]): Codes {
  const [samples = 0, height = 0, width = 0, channels = 0] = shape;
  const made: number[] = [];
  for (let row = 0; row < samples * height * tall; row++) {
    for (let column = 0; column < width * wide; column++) {
      const at = (Math.floor(row / tall) * width + Math.floor(column / wide)) * channels;
      made.push(...codes.subarray(at, at + channels));
    }
  }
  return { shape: [samples, height * tall, width * wide, channels], codes: Int8Array.from(made), grid };
}

/** RESIZE_BILINEAR with half pixel centers: positions and weights have 10 bits behind the point. */
function resize({ shape, codes, grid }: Codes, [tall = 1, wide = 1]: readonly number[]): Codes {
  const [samples = 0, height = 0, width = 0, channels = 0] = shape;
  const made: number[] = [];
  for (let sample = 0; sample < samples; sample++) {
    for (let row = 0; row < height * tall; row++) {
      const y = between(row, height, tall);
      for (let column = 0; column < width * wide; column++) {
        const x = between(column, width, wide);
        for (let channel = 0; channel < channels; channel++) {
          const at = (one: number, other: number): number =>
            codes[((sample * height + one) * width + other) * channels + channel]!;
          const upper = at(y.low, x.low) * (1024 - x.part) + at(y.low, x.high) * x.part;
          const lower = at(y.high, x.low) * (1024 - x.part) + at(y.high, x.high) * x.part;
          const sum = upper * (1024 - y.part) + lower * y.part;
          made.push(Math.trunc((sum + (sum > 0 ? 2 ** 19 : -(2 ** 19))) / 2 ** 20));
        }
      }
    }
  }
  return { shape: [samples, height * tall, width * wide, channels], codes: Int8Array.from(made), grid };
}

function between(to: number, size: number, factor: number): { low: number; high: number; part: number } {
  const scale = Math.trunc((1024 * size + Math.trunc((size * factor) / 2)) / (size * factor));
  const position = to * scale + Math.trunc(scale / 2) - 512;
  const low = Math.max(Math.trunc(position / 1024), 0);
  const high = Math.min(Math.trunc((position + 1023) / 1024), size - 1);
  return { low, high, part: position - 1024 * low };
}

function concatenate(read: readonly Codes[], axis: number): Codes {
  const [first] = read as [Codes];
  const along = axis < 0 ? axis + first.shape.length : axis;
  const outer = first.shape.slice(0, along).reduce((a, b) => a * b, 1);
  const parts: number[] = [];
  for (let at = 0; at < outer; at++) {
    for (const { codes } of read) {
      const size = codes.length / outer;
      parts.push(...codes.subarray(at * size, (at + 1) * size));
    }
  }
  const size = read.reduce((sum, { shape }) => sum + shape[along]!, 0);
  const shape = first.shape.map((one, index) => (index === along ? size : one));
  return { shape, codes: Int8Array.from(parts), grid: first.grid };
}
