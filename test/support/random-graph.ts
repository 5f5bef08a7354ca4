/**
 * Random graphs for laws: layers of all kinds that factors go through and of some that they do not, branches that meet
 * again, shared layers, nested models, several inputs and outputs.
 *
 * @module
 */

import fc from 'fast-check';
import type { JsonObject } from '../../src/json/value.ts';
import type { Model } from '../../src/model/model.ts';
import { buildModel, input, type LayerSpec, layer, nested } from './model-builder.ts';

/** Kinds of steps; what does not fit where it stands becomes a convolution. */
const KINDS = [
  'conv',
  'conv',
  'conv',
  'grouped',
  'transpose',
  'depthwise',
  'depthwise',
  'separable',
  'dense',
  'batchNorm',
  'relu',
  'relu',
  'leaky',
  'prelu',
  'relu6',
  'sigmoid',
  'softmax',
  'maxPool',
  'averagePool',
  'globalPool',
  'pad',
  'crop',
  'dropout',
  'upsample',
  'merge',
  'merge',
  'merge',
  'broadcast',
  'concatenate',
  'concatenate',
  'stack',
  'multiply',
  'rescale',
  'shared',
  'nested',
  'flatten',
  'reshape',
  'unflatten',
] as const;

interface Step {
  readonly kind: (typeof KINDS)[number];
  /** Which tensors it reads, in thousandths of those there are; the last one counts for half of all. */
  readonly from: number;
  readonly other: number;
  /** Small numbers that decide sizes and options. */
  readonly filters: number;
  readonly kernel: number;
  readonly stride: number;
  readonly choice: number;
  readonly useBias: boolean;
  readonly isSame: boolean;
  readonly activation: string;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...KINDS),
  from: fc.nat(999),
  other: fc.nat(999),
  filters: fc.constantFrom(1, 2, 3, 4, 4),
  kernel: fc.constantFrom(1, 2, 3),
  stride: fc.constantFrom(1, 1, 2),
  choice: fc.nat(11),
  useBias: fc.boolean(),
  isSame: fc.boolean(),
  activation: fc.constantFrom('linear', 'linear', 'relu', 'relu', 'leaky_relu', 'relu6', 'tanh'),
});

/** A tensor of the graph that grows. */
interface Value {
  readonly name: string;
  /** Sizes of the spatial dimensions; none for `[batch, channels]`. */
  readonly sizes: readonly number[];
  readonly channels: number;
}

/** How a random graph is made. */
export interface GraphOptions {
  /** What factors do not go through: of all kinds where it is left out, ReLU6 alone and more of it, or nothing. */
  readonly barriers?: 'all' | 'relu6' | 'none';
}

/** Random models with small random weights; what fast-check prints of one makes it again. */
export function randomGraph({ barriers = 'all' }: GraphOptions = {}): fc.Arbitrary<() => Model> {
  return fc
    .record({
      steps: fc.array(step, { minLength: 3, maxLength: 14 }),
      rank: fc.constantFrom(1, 2, 2, 2, 3) as fc.Arbitrary<1 | 2 | 3>,
      isFirst: fc.constantFrom(false, false, true),
      twoInputs: fc.boolean(),
      extraOutput: fc.option(fc.nat(999)),
      seed: fc.nat(1_000_000),
    })
    .map(({ steps, rank, isFirst, twoInputs, extraOutput, seed }) => {
      const builder = new GraphBuilder(rank, isFirst, twoInputs);
      for (const one of steps) builder.add(barriers === 'all' ? one : withFewerBarriers(one, barriers));
      const { layers, outputs } = builder.finish(extraOutput);
      const make = (): Model => buildModel(layers, { outputs, seed });
      return Object.assign(make, { toString: () => JSON.stringify({ layers, outputs, seed }) });
    });
}

function withFewerBarriers(one: Step, barriers: 'relu6' | 'none'): Step {
  const isBarrier = ['relu6', 'sigmoid', 'softmax', 'multiply', 'rescale'].includes(one.kind);
  const [kind, activation] =
    barriers === 'relu6' ? (['relu6', 'relu6'] as const) : (['conv', 'relu'] as const);
  return {
    ...one,
    kind: isBarrier ? kind : one.kind,
    activation: ['relu', 'relu6', 'tanh'].includes(one.activation) ? activation : one.activation,
  };
}

class GraphBuilder {
  readonly #rank: 1 | 2 | 3;
  readonly #isFirst: boolean;
  readonly #layers: LayerSpec[] = [];
  readonly #values: Value[] = [];
  readonly #read = new Set<string>();

  constructor(rank: 1 | 2 | 3, isFirst: boolean, twoInputs: boolean) {
    this.#rank = rank;
    this.#isFirst = isFirst;
    const sizes = rank === 3 ? [3, 3, 2] : rank === 2 ? [4, 5] : [6];
    for (const name of twoInputs ? ['x', 'y'] : ['x']) {
      const channels = 2;
      this.#layers.push(input(name, isFirst ? [channels, ...sizes] : [...sizes, channels]));
      this.#values.push({ name, sizes, channels });
    }
    for (const name of twoInputs ? ['x', 'y'] : ['x']) {
      const value = this.#values.find((one) => one.name === name) as Value;
      this.#push(
        `Conv${rank}D`,
        `first_${name}`,
        value,
        { ...this.#convolution(1), filters: 4 },
        { channels: 4 },
      );
    }
  }

  /** All that nobody reads is an output, and perhaps one tensor more. */
  finish(extraOutput: number | null): { layers: readonly LayerSpec[]; outputs: string[] } {
    const inputs = this.#layers.filter(({ className }) => className === 'InputLayer').length;
    const ends = this.#values.slice(inputs).filter(({ name }) => !this.#read.has(name));
    const outputs = ends.map(({ name }) => name);
    if (extraOutput !== null) {
      const among = this.#values.slice(inputs);
      const extra = among[Math.floor((extraOutput / 1000) * among.length)]?.name ?? '';
      if (!outputs.includes(extra)) outputs.push(extra);
    }
    return { layers: this.#layers, outputs };
  }

  add(one: Step): void {
    const value = this.#pick(one.from, () => true) as Value;
    const name = `${one.kind}_${this.#layers.length}`;
    if (value.sizes.length === 0) this.#addFlat(one, name, value);
    else this.#addSpatial(one, name, value);
  }

  #pick(part: number, fits: (value: Value) => boolean): Value | undefined {
    const among = this.#values.filter(fits);
    return part % 2 === 0 ? among.at(-1) : among[Math.floor((part / 1000) * among.length)];
  }

  #push(
    className: string,
    name: string,
    from: Value | readonly Value[],
    config: JsonObject,
    made: Partial<Value> = {},
  ): void {
    const list = Array.isArray(from) ? (from as readonly Value[]) : [from as Value];
    for (const one of list) this.#read.add(one.name);
    this.#layers.push(layer(className, name, config, { from: list.map((one) => one.name) }));
    this.#values.push({ ...(list[0] as Value), ...made, name });
  }

  #convolution(kernel: number, more: JsonObject = {}): JsonObject {
    return { ...this.#format(), kernel_size: kernel, padding: 'same', ...more };
  }

  #format(): JsonObject {
    return { data_format: this.#isFirst ? 'channels_first' : 'channels_last' };
  }

  #axis(): number {
    return this.#isFirst ? 1 : this.#rank + 1;
  }

  #addSpatial(one: Step, name: string, value: Value): void {
    const rank = this.#rank;
    const { channels, sizes } = value;
    const isTiny = sizes.some((size) => size < 4);
    const stride = isTiny ? 1 : one.stride;
    const isValid = !isTiny && !one.isSame;
    const kernel = one.kernel;
    const causal = rank === 1 && one.choice % 3 === 0 && !this.#isFirst;
    const common: JsonObject = this.#convolution(kernel, {
      strides: stride,
      padding: isValid ? 'valid' : 'same',
      use_bias: one.useBias,
      activation: one.activation,
    });
    const slid = sizes.map((size) => Math.ceil((isValid ? size - kernel + 1 : size) / stride));
    switch (one.kind) {
      case 'grouped': {
        const groups = channels % 2 === 0 ? 2 : 1;
        const filters = 2 * one.filters;
        this.#push(
          `Conv${rank}D`,
          name,
          value,
          { ...common, filters, groups },
          { channels: filters, sizes: slid },
        );
        return;
      }
      case 'transpose': {
        const grown = sizes.map((size) =>
          isValid ? size * stride + Math.max(kernel - stride, 0) : size * stride,
        );
        if (grown.some((size) => size > 8)) {
          this.#addConvolution(name, value);
          return;
        }
        this.#push(
          `Conv${rank}DTranspose`,
          name,
          value,
          { ...common, filters: one.filters },
          { channels: one.filters, sizes: grown },
        );
        return;
      }
      case 'depthwise': {
        if (rank === 3) {
          this.#addConvolution(name, value);
          return;
        }
        const multiplier = channels > 4 ? 1 : 1 + (one.choice % 2);
        this.#push(
          `DepthwiseConv${rank}D`,
          name,
          value,
          { ...common, depth_multiplier: multiplier },
          { channels: channels * multiplier, sizes: slid },
        );
        return;
      }
      case 'separable':
        if (rank === 3) {
          this.#addConvolution(name, value);
          return;
        }
        this.#push(
          `SeparableConv${rank}D`,
          name,
          value,
          { ...common, filters: one.filters, depth_multiplier: 1 + (one.choice % 2) },
          { channels: one.filters, sizes: slid },
        );
        return;
      case 'dense':
        if (this.#isFirst) {
          this.#addConvolution(name, value);
          return;
        }
        this.#addDense(one, name, value);
        return;
      case 'batchNorm':
        this.#push('BatchNormalization', name, value, { axis: this.#axis(), scale: one.choice !== 0 });
        return;
      case 'prelu': {
        const spatial = sizes.map((_, index) => index + (this.#isFirst ? 2 : 1));
        const shared = [spatial, [], [...spatial, this.#axis()]][one.choice % 3] ?? [];
        this.#push('PReLU', name, value, { shared_axes: shared });
        return;
      }
      case 'maxPool':
      case 'averagePool': {
        const className = `${one.kind === 'maxPool' ? 'Max' : 'Average'}Pooling${rank}D`;
        const padding = isValid ? 'valid' : 'same';
        const pooled = sizes.map((size) => Math.ceil((isValid ? size - 1 : size) / stride));
        this.#push(
          className,
          name,
          value,
          { ...this.#format(), pool_size: 2, strides: stride, padding },
          { sizes: pooled },
        );
        return;
      }
      case 'globalPool': {
        const className = `Global${one.choice % 2 === 0 ? 'Max' : 'Average'}Pooling${rank}D`;
        const keepdims = one.choice % 3 === 0;
        this.#push(
          className,
          name,
          value,
          { ...this.#format(), keepdims },
          { sizes: keepdims ? sizes.map(() => 1) : [] },
        );
        return;
      }
      case 'pad':
        // ZeroPadding1D and Cropping1D are for channels last alone.
        if (sizes.some((size) => size > 6) || (rank === 1 && this.#isFirst)) {
          this.#addConvolution(name, value);
          return;
        }
        this.#push(
          `ZeroPadding${rank}D`,
          name,
          value,
          rank === 1 ? { padding: [1, 2] } : { ...this.#format(), padding: sizes.map(() => [1, 2]) },
          { sizes: sizes.map((size) => size + 3) },
        );
        return;
      case 'crop':
        if (isTiny || (rank === 1 && this.#isFirst)) {
          this.#addConvolution(name, value);
          return;
        }
        this.#push(
          `Cropping${rank}D`,
          name,
          value,
          rank === 1 ? { cropping: [1, 1] } : { ...this.#format(), cropping: sizes.map(() => [1, 1]) },
          { sizes: sizes.map((size) => size - 2) },
        );
        return;
      case 'upsample': {
        if (sizes.some((size) => size > 4) || (rank === 1 && this.#isFirst)) {
          this.#addConvolution(name, value);
          return;
        }
        const interpolation = rank === 2 && one.isSame ? { interpolation: 'bilinear' } : {};
        this.#push(
          `UpSampling${rank}D`,
          name,
          value,
          rank === 1 ? { size: 2 } : { ...this.#format(), size: sizes.map(() => 2), ...interpolation },
          { sizes: sizes.map((size) => 2 * size) },
        );
        return;
      }
      case 'stack': {
        const other = this.#pick(
          one.other,
          (two) => sameSizes(two, value) && two.channels === value.channels,
        );
        if (!other) {
          this.#addConvolution(name, value);
          return;
        }
        const along = this.#isFirst ? 2 : 1;
        const grown = sizes.map((size, index) => (index === 0 ? 2 * size : size));
        if ((grown[0] ?? 0) > 8) {
          this.#addConvolution(name, value);
          return;
        }
        this.#push('Concatenate', name, [value, other], { axis: along }, { sizes: grown });
        return;
      }
      case 'nested':
        this.#addNested(one, name, value);
        return;
      case 'flatten':
        this.#push('Flatten', name, value, this.#format(), {
          sizes: [],
          channels: channels * sizes.reduce((total, size) => total * size, 1),
        });
        return;
      case 'reshape':
      case 'unflatten':
        if (rank !== 2) {
          this.#addConvolution(name, value);
          return;
        }
        this.#push(
          'Reshape',
          name,
          value,
          {
            target_shape: this.#isFirst
              ? [channels, ...[...sizes].reverse()]
              : [...[...sizes].reverse(), channels],
          },
          { sizes: [...sizes].reverse() },
        );
        return;
      case 'conv':
        this.#push(
          `Conv${rank}D`,
          name,
          value,
          { ...common, ...(causal ? { padding: 'causal' } : {}), filters: one.filters },
          { channels: one.filters, sizes: causal ? sizes.map((size) => Math.ceil(size / stride)) : slid },
        );
        return;
      default:
        this.#addAny(one, name, value);
    }
  }

  #addFlat(one: Step, name: string, value: Value): void {
    const { channels } = value;
    switch (one.kind) {
      case 'batchNorm':
        this.#push('BatchNormalization', name, value, { scale: one.choice !== 0 });
        return;
      case 'prelu':
        this.#push('PReLU', name, value, {});
        return;
      case 'reshape': {
        // Squeeze and excite: [C] becomes [1, 1, C].
        const ones = Array.from({ length: this.#rank }, () => 1);
        const target = this.#isFirst ? [channels, ...ones] : [...ones, channels];
        this.#push('Reshape', name, value, { target_shape: target }, { sizes: ones });
        return;
      }
      case 'unflatten': {
        const apart = channels % 4 === 0 ? 4 : channels % 2 === 0 ? 2 : 1;
        const places = Array.from({ length: this.#rank }, (_, index) => (index === 0 ? apart : 1));
        const left = channels / apart;
        const target = this.#isFirst ? [left, ...places] : [...places, left];
        this.#push('Reshape', name, value, { target_shape: target }, { sizes: places, channels: left });
        return;
      }
      case 'relu':
      case 'leaky':
      case 'relu6':
      case 'sigmoid':
      case 'softmax':
      case 'dropout':
      case 'merge':
      case 'broadcast':
      case 'concatenate':
      case 'multiply':
      case 'rescale':
        this.#addAny(one, name, value);
        return;
      default:
        this.#addDense(one, name, value);
    }
  }

  #addAny(one: Step, name: string, value: Value): void {
    const alike = (two: Value): boolean => sameSizes(two, value) && two.channels === value.channels;
    switch (one.kind) {
      case 'leaky':
        this.#push('LeakyReLU', name, value, { alpha: 0.2 });
        return;
      case 'relu6':
        this.#push('ReLU', name, value, { max_value: 6 });
        return;
      case 'sigmoid':
        this.#push('Activation', name, value, { activation: 'sigmoid' });
        return;
      case 'softmax':
        this.#push('Softmax', name, value, { axis: -1 });
        return;
      case 'dropout':
        this.#push('Dropout', name, value, { rate: 0.5 });
        return;
      case 'rescale':
        this.#push('Rescaling', name, value, { scale: 2, offset: 0.3 });
        return;
      case 'merge':
      case 'multiply': {
        const kinds = ['Add', 'Add', 'Subtract', 'Average', 'Maximum', 'Minimum'];
        const className = one.kind === 'multiply' ? 'Multiply' : (kinds[one.choice % 6] ?? 'Add');
        const other = this.#pick(one.other, (two) => alike(two) && two !== value);
        if (other) {
          this.#push(className, name, [value, other], {});
          return;
        }
        this.#addConvolution(`${name}_branch`, value, value.channels);
        this.#push(className, name, [value, this.#values.at(-1) as Value], {});
        return;
      }
      case 'broadcast': {
        // One channel for all of them.
        this.#addConvolution(`${name}_one`, value, 1);
        this.#push('Add', name, [value, this.#values.at(-1) as Value], {});
        return;
      }
      case 'concatenate': {
        const other = this.#pick(one.other, (two) => sameSizes(two, value)) as Value;
        const channels = value.channels + other.channels;
        if (channels > 24) {
          this.#addConvolution(name, value);
          return;
        }
        const axis = value.sizes.length === 0 ? 1 : this.#axis();
        this.#push(
          'Concatenate',
          name,
          [value, other],
          { axis: one.isSame && !this.#isFirst ? -1 : axis },
          { channels },
        );
        return;
      }
      case 'shared': {
        const other = this.#pick(one.other, alike) as Value;
        this.#addShared(one, name, value, other);
        return;
      }
      default:
        this.#push('ReLU', name, value, {});
    }
  }

  #addConvolution(name: string, value: Value, filters = 3): void {
    if (value.sizes.length === 0) {
      this.#push('Dense', name, value, { units: filters }, { channels: filters });
      return;
    }
    this.#push(`Conv${this.#rank}D`, name, value, this.#convolution(1, { filters }), { channels: filters });
  }

  #addDense({ filters, useBias, activation }: Step, name: string, value: Value): void {
    const config = { units: filters, use_bias: useBias, activation };
    this.#push('Dense', name, value, config, { channels: filters });
  }

  /** A convolution that is called twice; the calls may read the same tensor. */
  #addShared(one: Step, name: string, value: Value, other: Value): void {
    const kind = this.#rank < 3 && one.isSame ? `SeparableConv${this.#rank}D` : `Conv${this.#rank}D`;
    const config = this.#convolution(one.kernel, { filters: one.filters, activation: one.activation });
    for (const { name: read } of [value, other]) this.#read.add(read);
    this.#layers.push(layer(kind, name, config, { calls: [[value.name], [other.name]] }));
    for (const call of ['', ':1']) {
      this.#values.push({ ...value, channels: one.filters, name: `${name}${call}` });
    }
  }

  /** A model of two layers, called once or twice. */
  #addNested(one: Step, name: string, value: Value): void {
    const shape = this.#isFirst ? [value.channels, ...value.sizes] : [...value.sizes, value.channels];
    const inner = [
      input('inner', shape),
      layer(
        `Conv${this.#rank}D`,
        'conv',
        this.#convolution(one.kernel, { filters: value.channels, use_bias: one.useBias }),
      ),
      layer('ReLU', 'relu', one.choice === 0 ? { max_value: 6 } : {}),
    ];
    this.#read.add(value.name);
    // Twice: one behind the other.
    const isTwice = one.isSame;
    const calls = isTwice ? [[value.name], [name]] : [[value.name]];
    this.#layers.push(nested(name, inner, { calls }));
    this.#values.push({ ...value, name });
    if (!isTwice) return;
    this.#read.add(name);
    this.#values.push({ ...value, name: `${name}:1` });
  }
}

function sameSizes(one: Value, other: Value): boolean {
  return one.sizes.join() === other.sizes.join();
}
