import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { InvalidModelError } from '../../src/errors.ts';
import type { JsonObject } from '../../src/json/value.ts';
import { scaleKernel } from '../../src/model/channels.ts';
import type { WeightName } from '../../src/model/layer-weights.ts';
import { fakeQuantize } from '../../src/quantization/fake-quantize.ts';
import { parseQuantizer, QUANTIZER_PRESETS, type WeightQuantizer } from '../../src/quantization/quantizer.ts';
import { weightSqnr } from '../../src/quantization/weight-sqnr.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, type GivenWeights, input, layer, nested } from '../support/model-builder.ts';

const PER_CHANNEL: WeightQuantizer = { bits: 2, symmetric: true, perChannel: true, rounding: 'half-away' };
const PER_TENSOR: WeightQuantizer = { ...PER_CHANNEL, perChannel: false };

function oneLayer(className: string, config: JsonObject, weights: GivenWeights, shape: number[]) {
  return buildModel([input('x', shape), layer(className, 'one', config, { weights })]);
}

function quantized(
  model: ReturnType<typeof oneLayer>,
  quantizer: WeightQuantizer,
  name: WeightName = 'kernel',
): number[] {
  return [...fakeQuantize(model, quantizer).layer('one').requireWeight(name).toFloat64()];
}

/** 2 bits, symmetric: each channel keeps its largest magnitude m, and the rest goes to -m, 0 or m. */
describe('output channels have ranges of their own', () => {
  test('Dense: columns', () => {
    const model = oneLayer('Dense', { units: 2 }, { kernel: [4, -0.4, 1, 0.3] }, [2]);
    expect(quantized(model, PER_CHANNEL)).toEqual([4, Math.fround(-0.4), 0, Math.fround(0.4)]);
    expect(quantized(model, PER_TENSOR)).toEqual([4, 0, 0, 0]);
  });

  test('Conv2D: columns', () => {
    const model = oneLayer(
      'Conv2D',
      { filters: 2, kernel_size: 1 },
      { kernel: [4, -0.5, 3, 0.125] },
      [1, 1, 2],
    );
    expect(quantized(model, PER_CHANNEL)).toEqual([4, -0.5, 4, 0]);
  });

  test('Conv2DTranspose: rows', () => {
    const config = { filters: 2, kernel_size: 1 };
    const model = oneLayer('Conv2DTranspose', config, { kernel: [4, -3, 0.5, 0.125] }, [1, 1, 2]);
    expect(quantized(model, PER_CHANNEL)).toEqual([4, -4, 0.5, 0]);
  });

  test('DepthwiseConv2D: pairs', () => {
    const config = { kernel_size: [2, 1], depth_multiplier: 2 };
    const kernel = [4, 0.5, 8, 0.25, -3, 0.125, 1, -0.25];
    const model = oneLayer('DepthwiseConv2D', config, { depthwiseKernel: kernel }, [2, 1, 2]);
    expect(quantized(model, PER_CHANNEL, 'depthwiseKernel')).toEqual([4, 0.5, 8, 0.25, -4, 0, 0, -0.25]);
  });

  test('SeparableConv2D: pairs, then columns', () => {
    const config = { filters: 2, kernel_size: 1 };
    const weights = { depthwiseKernel: [4, 0.5], pointwiseKernel: [1, 8, 0.25, 5] };
    const model = oneLayer('SeparableConv2D', config, weights, [1, 1, 2]);
    expect(quantized(model, PER_CHANNEL, 'depthwiseKernel')).toEqual([4, 0.5]);
    expect(quantized(model, PER_CHANNEL, 'pointwiseKernel')).toEqual([1, 8, 0, 8]);
    expect(quantized(model, PER_TENSOR, 'depthwiseKernel')).toEqual([4, 0]);
  });
});

describe('which weights', () => {
  const model = buildModel([
    input('x', [8, 8, 3]),
    layer('Conv2D', 'conv', { filters: 4, kernel_size: 3 }),
    layer('BatchNormalization', 'bn', { axis: -1 }),
    nested('inner', [input('y', [6, 6, 4]), layer('DepthwiseConv2D', 'depthwise', { kernel_size: 3 })]),
    layer('Flatten', 'flatten'),
    layer('Dense', 'dense', { units: 5 }),
  ]);
  const changed = (copy: typeof model): string[] =>
    [...copy.allLayers()].flatMap(({ layer: { path, weights } }) =>
      [...weights]
        .filter(([name, tensor]) => model.layer(path).weights.get(name) !== tensor)
        .map(([name]) => `${path}/${name}`),
    );

  test('kernels, and nothing else is touched', () => {
    const before = [...model.allLayers()].map(({ layer: { weights } }) => [...weights.values()]);
    const copy = fakeQuantize(model, parseQuantizer('tfjs-uint8'));
    expect(changed(copy)).toEqual(['conv/kernel', 'inner/depthwise/depthwiseKernel', 'dense/kernel']);
    expect([...model.allLayers()].map(({ layer: { weights } }) => [...weights.values()])).toEqual(before);
  });

  test('all on request', () => {
    const all = [...model.allLayers()].flatMap(({ layer: { path, weights } }) =>
      [...weights.keys()].map((name) => `${path}/${name}`),
    );
    expect(changed(fakeQuantize(model, parseQuantizer('tfjs-uint8'), { weights: 'all' }))).toEqual(all);
    expect(() => fakeQuantize(model, PER_TENSOR, { weights: 'some' as 'all' })).toThrow(RangeError);
  });

  test('a weight that cannot be quantized is named', () => {
    const broken = oneLayer('Conv2D', { filters: 2, kernel_size: 1 }, { kernel: [1, NaN] }, [1, 1, 1]);
    expect(() => fakeQuantize(broken, PER_TENSOR)).toThrow(/^one: kernel: the weights range from NaN to NaN/);
    expect(() => fakeQuantize(broken, PER_CHANNEL)).toThrow(/^one: kernel, output channel 1: /);
    const infinite = oneLayer('Dense', { units: 2 }, { kernel: [1, -Infinity] }, [1]);
    for (const quantizer of Object.values(QUANTIZER_PRESETS)) {
      expect(() => fakeQuantize(infinite, quantizer)).toThrow(InvalidModelError);
      expect(() => weightSqnr(infinite, quantizer)).toThrow(InvalidModelError);
    }
    const whole = oneLayer('Dense', { units: 1 }, {}, [1]);
    whole.layer('one').weights.set('kernel', Tensor.of('int32', [1, 1], Int32Array.of(3)));
    expect(() => fakeQuantize(whole, PER_TENSOR)).toThrow(/^one: kernel: the weights are int32/);
  });
});

describe('a quantized tensor is lazy', () => {
  const SIZE = 6;
  function counted(): { tensor: Tensor; reads: number[] } {
    const values = Float32Array.from({ length: SIZE * 40000 }, (_, index) => Math.sin(index));
    const reads: number[] = [];
    const scratch = new Float32Array(1 << 20);
    const tensor = Tensor.lazy('float32', [4, SIZE, 10000], {
      read(start, count) {
        reads.push(start);
        // As a file does it: what was read before is gone.
        scratch.fill(NaN);
        scratch.set(values.subarray(start, start + count));
        return scratch.subarray(0, count);
      },
    });
    return { tensor, reads };
  }
  function withKernel(tensor: Tensor) {
    const model = buildModel([
      input('x', [8, SIZE]),
      layer('Conv1D', 'one', { filters: 10000, kernel_size: 4 }),
    ]);
    model.layer('one').setWeight('kernel', tensor);
    return model;
  }

  test('it reads once for the range and once for the values, whatever the pieces', () => {
    for (const piece of [1 << 19, 60000, 10000, 7001]) {
      const { tensor, reads } = counted();
      const kernel = fakeQuantize(withKernel(tensor), parseQuantizer('int8-per-channel'))
        .layer('one')
        .requireWeight('kernel');
      const first = reads.length;
      const whole = kernel.values();
      expect(reads.length).toBe(2 * first);
      reads.length = 0;
      let at = 0;
      for (const { start, values } of kernel.blocks(piece)) {
        expect(start).toBe(at);
        expect(values).toEqual(whole.subarray(start, start + values.length));
        at += values.length;
      }
      expect(at).toBe(whole.length);
      expect(new Set(reads).size).toBe(reads.length);
    }
  });

  test('two that read by turns do not disturb each other', () => {
    const { tensor } = counted();
    const kernel = fakeQuantize(withKernel(tensor), parseQuantizer('tfjs-uint8'))
      .layer('one')
      .requireWeight('kernel');
    const whole = kernel.values();
    const second = kernel.blocks(30000);
    for (const { start, values } of kernel.blocks(20000)) {
      expect(values).toEqual(whole.subarray(start, start + values.length));
      const next = second.next();
      if (!next.done) {
        const { start: from, values: read } = next.value;
        expect(read).toEqual(whole.subarray(from, from + read.length));
      }
    }
  });

  test('factors of a scaled tensor are in what is quantized', () => {
    const model = oneLayer('Dense', { units: 2 }, { kernel: [4, -0.5, 1, 0.25] }, [2]);
    scaleKernel(model.layer('one'), 'output', [0.25, 2]);
    expect(quantized(model, PER_CHANNEL)).toEqual([1, -1, 0, 1]);
  });
});

describe('laws', () => {
  const quantizers = fc.record({
    bits: fc.integer({ min: 2, max: 16 }),
    symmetric: fc.boolean(),
    perChannel: fc.boolean(),
    rounding: fc.constantFrom<WeightQuantizer['rounding']>('half-even', 'half-away'),
  });
  const COLUMNS = 3;
  const kernels = fc.array(
    fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: COLUMNS, maxLength: COLUMNS }),
    { minLength: 1, maxLength: 12 },
  );
  function dense(rows: readonly (readonly number[])[]) {
    return oneLayer('Dense', { units: COLUMNS }, { kernel: rows.flat() }, [rows.length]);
  }
  /** The step of each column, from its extremes. */
  function steps(rows: readonly (readonly number[])[], quantizer: WeightQuantizer): number[] {
    const ranges = Array.from({ length: COLUMNS }, (_, column) => rows.map((row) => row[column] ?? 0));
    const whole = ranges.flat();
    return ranges.map((own) => {
      const values = quantizer.perChannel ? own : whole;
      const low = Math.min(0, ...values);
      const high = Math.max(0, ...values);
      const levels = 2 ** quantizer.bits - 1;
      return quantizer.symmetric ? Math.max(-low, high) / Math.floor(levels / 2) : (high - low) / levels;
    });
  }

  /**
   * Whether what was quantized has the range that it was quantized with. Where 0 falls between two steps the grid is moved by half
   * of one, and an end may be cut off: then the next grid is a finer one.
   */
  function reachesItsEnds(
    model: ReturnType<typeof fakeQuantize>,
    rows: readonly (readonly number[])[],
    quantizer: WeightQuantizer,
  ): boolean {
    if (quantizer.symmetric) return true;
    const values = [...model.layer('one').requireWeight('kernel').toFloat64()];
    return steps(rows, quantizer).every((step, column) => {
      const own = quantizer.perChannel ? values.filter((_, index) => index % COLUMNS === column) : values;
      const width = Math.max(0, ...own) - Math.min(0, ...own);
      return Math.abs(width - step * (2 ** quantizer.bits - 1)) <= 0.1 * step;
    });
  }

  test('no weight moves by more than half a step, zero stays, and order is kept', () => {
    fc.assert(
      fc.property(kernels, quantizers, (rows, quantizer) => {
        const after = quantized(dense(rows), quantizer);
        const step = steps(rows, quantizer);
        const before = rows.flat();
        for (const [index, value] of after.entries()) {
          const original = before[index] ?? NaN;
          const half = (step[index % COLUMNS] ?? NaN) / 2;
          // The result is rounded to float32 once, by at most 2^-24 of 8 and a bit.
          expect(Math.abs(value - original)).toBeLessThanOrEqual(half * (1 + 1e-9) + 1e-6);
          if (original === 0) expect(Object.is(value, 0)).toBe(true);
          for (const [other, otherValue] of after.entries()) {
            if (other % COLUMNS !== index % COLUMNS && quantizer.perChannel) continue;
            if ((before[other] ?? NaN) <= original) expect(otherValue).toBeLessThanOrEqual(value);
          }
        }
      }),
    );
  });

  test('quantizing again changes nothing', () => {
    fc.assert(
      fc.property(kernels, quantizers, (rows, quantizer) => {
        const once = fakeQuantize(dense(rows), quantizer);
        fc.pre(reachesItsEnds(once, rows, quantizer));
        const twice = fakeQuantize(once, quantizer);
        const [first, second] = [once, twice].map((model) =>
          model.layer('one').requireWeight('kernel').toFloat64(),
        );
        for (const [index, value] of (first as Float64Array).entries()) {
          // The ends of the range were rounded to float32, and with them the step.
          expect(Math.abs(value - (second?.[index] ?? NaN))).toBeLessThanOrEqual(1e-6 * Math.abs(value));
        }
      }),
    );
  });

  test('permuting the channels before is permuting them after', () => {
    fc.assert(
      fc.property(kernels, quantizers, (rows, quantizer) => {
        const turn = (row: readonly number[]): number[] => [...row.slice(1), row[0] ?? NaN];
        const after = quantized(dense(rows), quantizer);
        const turned = quantized(dense(rows.map(turn)), quantizer);
        expect(turned).toEqual(
          rows.flatMap((_, row) => turn(after.slice(row * COLUMNS, (row + 1) * COLUMNS))),
        );
      }),
    );
  });

  test('each bit more brings about 6 dB', () => {
    const model = buildModel([input('x', [64]), layer('Dense', 'one', { units: 64 })], { seed: 5 });
    for (const perChannel of [false, true]) {
      let before = -Infinity;
      for (let bits = 2; bits <= 16; bits++) {
        const quantizer: WeightQuantizer = { bits, symmetric: false, perChannel, rounding: 'half-even' };
        const sqnr = weightSqnr(model, quantizer)[0]?.sqnr ?? NaN;
        expect(sqnr).toBeGreaterThan(before);
        if (bits > 4) expect(sqnr - before).toBeGreaterThan(5);
        before = sqnr;
      }
    }
  });
});

describe('weightSqnr', () => {
  test('is what the formula says', () => {
    // On the grid -4, 0, 4: the noise is 1 of 4 - 3.
    const model = oneLayer('Dense', { units: 2 }, { kernel: [4, 3] }, [1]);
    expect(weightSqnr(model, PER_TENSOR)).toEqual([
      { layer: 'one', weight: 'kernel', sqnr: 10 * Math.log10(25 / 1) },
    ]);
    expect(weightSqnr(model, PER_CHANNEL)).toEqual([{ layer: 'one', weight: 'kernel', sqnr: Infinity }]);
  });

  test('of zeros is infinite', () => {
    const model = oneLayer('Dense', { units: 2 }, { kernel: [0, 0] }, [1]);
    for (const quantizer of Object.values(QUANTIZER_PRESETS)) {
      expect(weightSqnr(model, quantizer)[0]?.sqnr).toBe(Infinity);
    }
  });

  test('agrees with the weights of fakeQuantize', () => {
    const model = buildModel([input('x', [20]), layer('Dense', 'one', { units: 30 })]);
    for (const quantizer of Object.values(QUANTIZER_PRESETS)) {
      const before = model.layer('one').requireWeight('kernel').toFloat64();
      const after = fakeQuantize(model, quantizer).layer('one').requireWeight('kernel').toFloat64();
      const signal = before.reduce((sum, value) => sum + value ** 2, 0);
      const noise = before.reduce((sum, value, index) => sum + ((after[index] ?? NaN) - value) ** 2, 0);
      // The same sum in the same order.
      expect(weightSqnr(model, quantizer)[0]?.sqnr).toBeCloseTo(10 * Math.log10(signal / noise), 10);
    }
  });
});
