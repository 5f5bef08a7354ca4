import { describe, expect, it } from 'vitest';
import { scaleRegions } from '../../../src/equalization/scaling/scale-regions.ts';
import { channelRange } from '../../../src/model/channels.ts';
import type { Model } from '../../../src/model/model.ts';
import { describeSkip } from '../../../src/model/skip-reason.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import {
  buildModel,
  type GivenWeights,
  input,
  type LayerSpec,
  layer,
  nested,
} from '../../support/model-builder.ts';
import { seededRandom } from '../../support/random.ts';
import { randomInputs, relativeDifference } from '../../support/run-model.ts';

const x = input('x', [6, 6, 2]);
const conv = (
  name: string,
  filters: number,
  more: Parameters<typeof layer>[2] = {},
  reading: Parameters<typeof layer>[3] = {},
): LayerSpec => layer('Conv2D', name, { filters, kernel_size: 1, ...more }, reading);

/** `max |w|` of what two layers share, channel by channel, is the same. */
function expectEqual(model: Model, writer: string, reader: string): void {
  const written = channelRange(model.layer(writer), 'output');
  const read = channelRange(model.layer(reader), 'input');
  for (const [channel, range] of written.entries()) {
    // Converged to |ln s| < 1e-3, which is half of ln(r1 / r2).
    expect(Math.abs(Math.log(range / (read[channel] ?? NaN)))).toBeLessThan(2e-3);
  }
}

async function difference(model: Model, edit: (model: Model) => void): Promise<number> {
  const runner = await TfjsRunner.create({ backend: 'cpu' });
  const inputs = randomInputs(model);
  const values = async (): Promise<Float32Array[]> =>
    (await runner.run(model, inputs)).map((tensor) => Float32Array.from(tensor.toFloat64()));
  const before = await values();
  edit(model);
  return relativeDifference(before, await values());
}

/** What is left alone, in words. */
function unscaledOf(model: Model): Record<string, string> {
  const { left } = scaleRegions(model);
  return Object.fromEntries(left.map((reason) => [reason.layers[0], describeSkip(reason)]));
}

describe('scaleRegions', () => {
  it('scales two convolutions so that their ranges match, and nothing else', () => {
    const model = buildModel([
      x,
      conv('a', 3, { use_bias: false }),
      layer('ReLU', 'relu'),
      conv('b', 2, { use_bias: false }),
    ]);
    const written = channelRange(model.layer('a'), 'output');
    const read = channelRange(model.layer('b'), 'input');
    const { outputScales, regions, left } = scaleRegions(model);
    const factors = outputScales.get('a') as Float64Array;
    for (const [channel, factor] of factors.entries()) {
      expect(factor).toBeCloseTo(Math.sqrt((written[channel] ?? NaN) / (read[channel] ?? NaN)), 6);
    }
    expect([...(outputScales.get('b') ?? [])]).toEqual([1, 1]);
    expect(regions).toEqual([
      {
        sources: ['a'],
        sinks: ['b'],
        channels: 3,
        smallest: Math.min(...factors),
        largest: Math.max(...factors),
      },
    ]);
    expect(left).toEqual([]);
  });

  it('divides the bias, and by the factors of a batch norm that stays its statistics', async () => {
    const specs = [
      x,
      conv('a', 3),
      layer('BatchNormalization', 'bn'),
      layer('ReLU', 'relu'),
      conv('b', 3),
      layer('Add', 'add', {}, { from: ['relu', 'b'] }),
      conv('c', 2),
    ];
    const model = buildModel(specs);
    expect(await difference(model, scaleRegions)).toBeLessThan(1e-5);
    // The batch norm writes what b writes, so its gamma took the factor.
    expect(model.layer('bn').weight('gamma')?.toFloat64()).not.toEqual(
      buildModel(specs).layer('bn').weight('gamma')?.toFloat64(),
    );
  });

  it('takes what meets in a sum by one factor, and what is concatenated by its own', () => {
    const model = buildModel([
      x,
      conv('a', 2),
      conv('b', 2, {}, { from: ['x'] }),
      layer('Add', 'add', {}, { from: ['a', 'b'] }),
      conv('c', 3, {}, { from: ['x'] }),
      layer('Concatenate', 'both', { axis: 3 }, { from: ['add', 'c'] }),
      conv('d', 2),
    ]);
    const { outputScales, regions } = scaleRegions(model);
    const of = (name: string): number[] => [...(outputScales.get(name) ?? [])];
    expect(of('a')).toEqual(of('b'));
    expect(of('c')).not.toEqual([1, 1, 1]);
    expect(regions).toHaveLength(1);
    expect(regions[0]).toMatchObject({ sources: ['a', 'b', 'c'], sinks: ['d'], channels: 5 });
  });

  it('scales between the kernels of a separable convolution', async () => {
    const model = buildModel([
      x,
      layer('SeparableConv2D', 'sep', { filters: 2, kernel_size: 3, depth_multiplier: 2 }),
    ]);
    let record: ReturnType<typeof scaleRegions> | undefined;
    expect(await difference(model, (one) => (record = scaleRegions(one)))).toBeLessThan(1e-5);
    expect(record?.regions).toMatchObject([{ sources: ['sep'], sinks: ['sep'], channels: 4 }]);
    const maxima = (name: 'depthwiseKernel' | 'pointwiseKernel'): Float64Array => {
      const tensor = model.layer('sep').requireWeight(name);
      const found = new Float64Array(4);
      tensor.toFloat64().forEach((value, index) => {
        const at = name === 'depthwiseKernel' ? index % 4 : Math.floor(index / 2);
        found[at] = Math.max(found[at] ?? 0, Math.abs(value));
      });
      return found;
    };
    const [depthwise, pointwise] = [maxima('depthwiseKernel'), maxima('pointwiseKernel')];
    depthwise.forEach((range, at) => {
      expect(Math.log(range / (pointwise[at] ?? NaN))).toBeCloseTo(0, 2);
    });
  });

  it('closes a shared layer on all sides where one of its calls is closed', async () => {
    // The first call reads what could be scaled, the second an input of the model.
    for (const calls of [
      [['a'], ['y']],
      [['y'], ['a']],
    ]) {
      const model = buildModel(
        [
          x,
          input('y', [6, 6, 3]),
          conv('a', 3, {}, { from: ['x'] }),
          conv('shared', 2, {}, { calls }),
          conv('b', 2, {}, { from: ['shared'] }),
          conv('c', 2, {}, { from: ['shared:1'] }),
        ],
        { outputs: ['b', 'c'] },
      );
      let record: ReturnType<typeof scaleRegions> | undefined;
      expect(await difference(model, (one) => (record = scaleRegions(one)))).toBeLessThan(1e-5);
      expect(record?.regions).toMatchObject([{ sources: ['shared'], sinks: ['b', 'c'] }]);
      expect([...(record?.outputScales.get('a') ?? [])]).toEqual([1, 1, 1]);
    }
  });

  it('keeps a shared layer whose second call has its channels elsewhere', async () => {
    const model = buildModel(
      [
        input('x', [3, 3, 3]),
        layer('DepthwiseConv2D', 'a', { kernel_size: 1, data_format: 'channels_first' }, { from: ['x'] }),
        conv('b', 3, {}, { from: ['x'] }),
        layer('Dense', 'shared', { units: 3 }, { calls: [['b'], ['a']] }),
        conv('c', 2, {}, { from: ['shared'] }),
      ],
      { outputs: ['c', 'shared:1'] },
    );
    expect(await difference(model, scaleRegions)).toBeLessThan(1e-5);
  });

  it('scales a nested model that is called twice by the factors of both calls', async () => {
    const inner = [input('in', [6, 6, 2]), conv('p', 4), layer('ReLU', 'r'), conv('q', 2)];
    const model = buildModel([
      x,
      conv('a', 2),
      nested('body', inner, { calls: [['a'], ['body']] }),
      conv('b', 2, {}, { from: ['body:1'] }),
    ]);
    let record: ReturnType<typeof scaleRegions> | undefined;
    expect(await difference(model, (one) => (record = scaleRegions(one)))).toBeLessThan(1e-5);
    expect(record?.regions).toMatchObject([
      { sources: ['a', 'body/q'], sinks: ['body/p', 'b'] },
      { sources: ['body/p'], sinks: ['body/q'] },
    ]);
  });

  it('goes through Reshape to a generator, and through squeeze-and-excite past the gate', async () => {
    const generator = buildModel([
      input('z', [5]),
      layer('Dense', 'dense', { units: 18 }),
      layer('Reshape', 'image', { target_shape: [3, 3, 2] }),
      layer('LeakyReLU', 'leaky'),
      layer('Conv2DTranspose', 'up', { filters: 2, kernel_size: 2, strides: 2 }),
    ]);
    expect(await difference(generator, scaleRegions)).toBeLessThan(1e-5);
    const factors = scaleRegions(generator).outputScales.get('dense') ?? [];
    expect(new Set(factors).size).toBeLessThanOrEqual(2);
    const excited = (gate: string): Model =>
      buildModel([
        x,
        conv('a', 4),
        layer('GlobalAveragePooling2D', 'pool'),
        layer('Reshape', 'squeezed', { target_shape: [1, 1, 4] }),
        conv('down', 2, { activation: 'relu' }),
        conv('up', 4, { activation: gate }),
        layer('Multiply', 'times', {}, { from: ['a', 'up'] }),
        conv('b', 2),
      ]);
    const model = excited('sigmoid');
    expect(await difference(excited('sigmoid'), scaleRegions)).toBeLessThan(1e-5);
    const { regions, outputScales } = scaleRegions(model);
    expect(regions).toMatchObject([
      { sources: ['a'], sinks: ['down', 'b'] },
      { sources: ['down'], sinks: ['up'] },
    ]);
    expect(new Set(outputScales.get('a')).size).toBe(4);
    // A product of two that both may be scaled would get the product of their factors.
    const { regions: few, left } = scaleRegions(excited('relu'));
    expect(few).toMatchObject([{ sources: ['down'], sinks: ['up'] }]);
    expect(left.map(describeSkip)).toEqual([
      'a is not scaled: before it stands x, an input of the model; behind it, times (Multiply), through which a factor does not go',
      "b is not scaled: before it stands times (Multiply), through which a factor does not go; behind it, the output of b, which is the model's",
    ]);
  });

  it('ends at x sigmoid(x) on both sides', () => {
    const swished = buildModel([
      x,
      conv('a', 3),
      layer('Activation', 'gate', { activation: 'sigmoid' }),
      layer('Multiply', 'swish', {}, { from: ['a', 'gate'] }),
      conv('b', 2),
    ]);
    expect(scaleRegions(swished).regions).toEqual([]);
  });

  it('knows the channels behind a layer whose output has no known shape', () => {
    const model = buildModel([x, conv('a', 3), conv('b', 3), conv('c', 2)]);
    // As behind a Lambda, which stands between the input and the first convolution.
    for (const call of model.calls) for (const tensor of call.outputs) tensor.shape = undefined;
    const made = model.calls[0];
    if (made) made.layer.operation = { kind: 'opaque' };
    expect(scaleRegions(model).regions).toMatchObject([
      { sources: ['a'], sinks: ['b'] },
      { sources: ['b'], sinks: ['c'] },
    ]);
  });

  it('ends at an output in the middle, at training mode, at constants and at thresholds', () => {
    const middle = buildModel([x, conv('a', 3), conv('b', 3), conv('c', 2)], { outputs: ['c', 'a'] });
    expect(unscaledOf(middle)).toEqual({ a: expect.stringContaining('the output of a') });
    const specs = (between: LayerSpec): LayerSpec[] => [x, conv('a', 3), between, conv('b', 2)];
    expect(unscaledOf(buildModel(specs(layer('GaussianNoise', 'noise', { stddev: 1 }))))).toEqual({});
    const training = buildModel(
      specs(layer('GaussianNoise', 'noise', { stddev: 1 }, { kwargs: { training: true } })),
    );
    expect(unscaledOf(training)['a']).toContain('noise, which is called in training mode');
    expect(unscaledOf(buildModel(specs(layer('ReLU', 'relu', { threshold: 1 }))))['a']).toContain(
      'the threshold 1',
    );
    expect(unscaledOf(buildModel(specs(layer('ReLU', 'relu', { max_value: 6 }))))['b']).toContain(
      'the maximum 6',
    );
    expect(unscaledOf(buildModel(specs(layer('BatchNormalization', 'bn', { scale: false }))))['a']).toContain(
      'without gamma',
    );
    expect(unscaledOf(buildModel(specs(layer('BatchNormalization', 'bn'))))['a']).toContain(
      'a batch norm that stays',
    );
    const sum = buildModel([x, conv('a', 3), layer('Add', 'add', {}, { from: ['a', 'a'] }), conv('b', 2)]);
    for (const call of sum.calls) {
      if (call.layer.name === 'add') call.args = [{ list: [{ tensor: 0 }, { tensor: 1 }, { value: 2.5 }] }];
    }
    expect(unscaledOf(sum)['a']).toContain('add (Add)');
  });

  it('ends where a layer looks for channels on another axis', async () => {
    const channelsFirst = { data_format: 'channels_first' };
    const square = input('x', [4, 4, 4]);
    const cases: LayerSpec[][] = [
      // Pools over what the convolutions have as channels.
      [square, conv('a', 4), layer('MaxPooling2D', 'pool', { ...channelsFirst, pool_size: 1 }), conv('b', 2)],
      [
        square,
        layer('ZeroPadding2D', 'pad', {
          padding: [
            [0, 0],
            [0, 0],
          ],
        }),
        conv('a', 4),
        conv('other', 4, channelsFirst, { from: ['x'] }),
        layer('Add', 'add', {}, { from: ['a', 'other'] }),
        conv('b', 2),
      ],
    ];
    for (const specs of cases) {
      let told: readonly string[] = [];
      const edit = (model: Model): void => {
        told = scaleRegions(model).left.map(describeSkip);
      };
      expect(await difference(buildModel(specs), edit)).toBeLessThan(1e-5);
      expect(told.find((sentence) => sentence.startsWith('b '))).toMatch(/channels lie on different axes/);
    }
  });

  it('counts the dimensions before the channels as batches where a convolution has more than it needs', () => {
    const model = buildModel([
      input('x', [3, 3, 5]),
      conv('first', 3, { data_format: 'channels_first' }),
      layer('Conv1D', 'second', { filters: 3, kernel_size: 1, data_format: 'channels_first' }),
    ]);
    // [N, 3, 3, 5]: the first has its channels on axis 1, the second on axis 2.
    expect(unscaledOf(model)).toEqual({
      first: expect.stringContaining('second, where channels lie on different axes'),
      second: expect.stringContaining('second, where channels lie on different axes'),
    });
  });

  it('ends at a batch norm that runs in training, and at layers with a mask', () => {
    const training = { kwargs: { training: true } };
    const model = buildModel([
      x,
      conv('a', 3),
      layer('BatchNormalization', 'bn', {}, training),
      conv('b', 2),
    ]);
    expect(unscaledOf(model)['a']).toContain('bn, which is called in training mode');
    const masked = buildModel([
      x,
      conv('a', 3),
      layer('ReLU', 'relu', {}, { from: ['a', 'x'] }),
      conv('b', 2),
    ]);
    expect(unscaledOf(masked)['b']).toContain('relu (ReLU)');
  });

  it('tells the maximum that each channel of a ReLU6 needs', () => {
    const specs = [x, conv('a', 3), layer('ReLU', 'relu', { max_value: 6 }), conv('b', 2)];
    expect(scaleRegions(buildModel(specs)).bounded).toEqual([]);
    const atOutput = buildModel(specs.slice(0, 3));
    expect(scaleRegions(atOutput, { throughBounded: true }).bounded).toEqual([]);
    const model = buildModel(specs);
    const { bounded, outputScales } = scaleRegions(model, { throughBounded: true });
    const factors = outputScales.get('a') as Float64Array;
    expect(bounded.map(({ call, maxima }) => [call.path, [...maxima]])).toEqual([
      ['relu', [...factors].map((factor) => 6 / factor)],
    ]);
  });

  it('does not blow up a bias that stands alone', () => {
    const kernel = [0, 1, 4, 0, 1e-3, 2];
    const model = buildModel([
      x,
      conv('a', 3, {}, { weights: { kernel, bias: [50, 20, 0.1] } }),
      conv('b', 2),
    ]);
    expect(scaleRegions(model).deadChannels).toBe(1);
    const [dead = NaN, weak = NaN] = model.layer('a').requireWeight('bias').toFloat64();
    const most = 20 * channelRange(model.layer('b'), 'input').reduce((m, v) => Math.max(m, v), 0);
    expect(Math.max(Math.abs(dead), Math.abs(weak))).toBeLessThanOrEqual(most * (1 + 1e-3));
  });

  it('does not let what a dead channel has on its other side rule the range of a kernel', () => {
    // Channel 0 is dead in front of the depthwise layer and behind it, where it has ninety times the weight of the others.
    const depthwise = [90, 1, 1.5].flatMap((weight) => [weight]);
    const model = buildModel([
      x,
      conv('a', 3, {}, { weights: { kernel: [1e-20, 1, 2, 1e-20, 2, 1], bias: [-1, 0, 0] } }),
      layer('DepthwiseConv2D', 'dw', { kernel_size: 1 }, { weights: { depthwiseKernel: depthwise } }),
      conv('b', 2, {}, { weights: { kernel: [1e-20, 1e-20, 1, 2, 2, 1] } }),
    ]);
    scaleRegions(model);
    const [dead = NaN, ...live] = channelRange(model.layer('dw'), 'output');
    expect(dead).toBeLessThanOrEqual(Math.max(...live));
  });

  it('leaves a region alone for which a veto gives a reason, and says so', () => {
    const model = buildModel([x, conv('a', 3), conv('b', 3), conv('c', 2)]);
    const reason = { code: 'changes-function', layers: ['b', 'c'], maxRelative: 0.5 } as const;
    const told: unknown[] = [];
    const { regions } = scaleRegions(model, {
      veto: (layers) => (layers.join() === 'b,c' ? reason : undefined),
      onSkip: (skipped) => told.push(skipped),
    });
    expect(regions.map(({ sources, sinks }) => [...sources, ...sinks])).toEqual([['a', 'b']]);
    expect(told).toEqual([reason]);
  });
});

/** A residual network with everything that channels of a region can stand in, from weights given. */
function residual(weights: Record<string, GivenWeights>): Model {
  const reading = (name: string, from?: readonly string[]): Parameters<typeof layer>[3] => ({
    weights: weights[name] ?? {},
    ...(from ? { from } : {}),
  });
  return buildModel([
    x,
    conv('stem', 4, {}, reading('stem')),
    layer('PReLU', 'prelu', { shared_axes: [1, 2] }, reading('prelu')),
    conv('expand', 6, {}, reading('expand')),
    layer('DepthwiseConv2D', 'deep', { kernel_size: 3, padding: 'same' }, reading('deep')),
    conv('project', 4, {}, reading('project')),
    layer('Add', 'add', {}, { from: ['prelu', 'project'] }),
    // Reads and writes the same channels.
    conv('loop', 4, {}, reading('loop')),
    layer('Add', 'add2', {}, { from: ['add', 'loop'] }),
    layer('Flatten', 'flatten'),
    layer('Dense', 'dense', { units: 3 }, reading('dense')),
  ]);
}

describe('permuting channels', () => {
  it('permutes the factors, and changes nothing else', () => {
    const base = residual({});
    const values = (name: string, weight: 'kernel' | 'depthwiseKernel' | 'bias' | 'alpha'): number[] => [
      ...base.layer(name).requireWeight(weight).toFloat64(),
    ];
    const trunk = [2, 0, 3, 1];
    const inside = [5, 3, 0, 1, 4, 2];
    const every = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
    /** Of `[outer, rows, columns]`. */
    const permuted = (
      list: readonly number[],
      rows: readonly number[],
      columns: readonly number[],
    ): number[] => {
      const size = rows.length * columns.length;
      return list.map((_, index) => {
        const within = index % size;
        const row = rows[Math.floor(within / columns.length)] ?? 0;
        const column = columns[within % columns.length] ?? 0;
        return list[index - within + row * columns.length + column] ?? NaN;
      });
    };
    const given: Record<string, GivenWeights> = {
      stem: {
        kernel: permuted(values('stem', 'kernel'), every(2), trunk),
        bias: permuted(values('stem', 'bias'), [0], trunk),
      },
      prelu: { alpha: permuted(values('prelu', 'alpha'), [0], trunk) },
      expand: {
        kernel: permuted(values('expand', 'kernel'), trunk, inside),
        bias: permuted(values('expand', 'bias'), [0], inside),
      },
      deep: {
        depthwiseKernel: permuted(values('deep', 'depthwiseKernel'), inside, [0]),
        bias: permuted(values('deep', 'bias'), [0], inside),
      },
      project: {
        kernel: permuted(values('project', 'kernel'), inside, trunk),
        bias: permuted(values('project', 'bias'), [0], trunk),
      },
      loop: {
        kernel: permuted(values('loop', 'kernel'), trunk, trunk),
        bias: permuted(values('loop', 'bias'), [0], trunk),
      },
      dense: { kernel: permuted(values('dense', 'kernel'), trunk, every(3)), bias: values('dense', 'bias') },
    };
    const other = residual(given);
    const scales = scaleRegions(base).outputScales;
    const permutedScales = scaleRegions(other).outputScales;
    const cases = [
      ['stem', trunk],
      ['expand', inside],
      ['deep', inside],
      ['project', trunk],
      ['loop', trunk],
    ] as const;
    for (const [name, order] of cases) {
      const expected = order.map((at) => scales.get(name)?.[at] ?? NaN);
      const found = [...(permutedScales.get(name) ?? [])];
      expect(new Set(expected).size).toBe(expected.length);
      // Sums over a region's channels add up in another order.
      for (const [channel, factor] of found.entries())
        expect(factor / (expected[channel] ?? NaN)).toBeCloseTo(1, 9);
    }
  });
});

describe('a kernel of weights that are all of one size', () => {
  it('is scaled without keeping all of them', () => {
    const random = seededRandom(3);
    const signs = (count: number): number[] =>
      Array.from({ length: count }, () => (random.uniform() < 0.5 ? -1 : 1));
    const model = buildModel([
      input('x', [400]),
      layer('Dense', 'a', { units: 400, use_bias: false }, { weights: { kernel: signs(160_000) } }),
      layer(
        'Dense',
        'b',
        { units: 400, use_bias: false },
        { weights: { kernel: signs(160_000).map((sign) => 3 * sign) } },
      ),
      layer('Dense', 'c', { units: 400, use_bias: false }, { weights: { kernel: signs(160_000) } }),
    ]);
    scaleRegions(model);
    expectEqual(model, 'a', 'b');
    expectEqual(model, 'b', 'c');
  });

  it('leaves no half float without its digits', () => {
    const model = buildModel([
      input('x', [1]),
      layer('Dense', 'one', { units: 2 }, { weights: { kernel: [1000, 1000], bias: [20000, 1] } }),
      layer('Dense', 'two', { units: 1 }, { weights: { kernel: [60000, 60000] } }),
    ]);
    for (const { layer: each } of model.allLayers()) {
      for (const [name, tensor] of each.weights) {
        each.weights.set(name, Tensor.fromNumbers('float16', tensor.shape, tensor.toFloat64()));
      }
    }
    const { regions } = scaleRegions(model);
    // As float32 the first factor would be 0.13, and the bias 155,000.
    const bias = model.layer('one').requireWeight('bias').toFloat64();
    expect(bias[0]).toBeLessThan(65504);
    expect(regions[0]?.smallest).toBeLessThan(0.9);
  });
});
