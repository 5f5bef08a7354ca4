import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { InvalidModelError } from '../../src/errors.ts';
import { readModel } from '../../src/formats/read.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import type { Model } from '../../src/model/model.ts';
import { castWeights, computeDtype } from '../../src/model/precision.ts';
import type { SkipReason } from '../../src/model/skip-reason.ts';
import { foldAllBatchNorms } from '../../src/primitives/batch-norm-fold.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { FIXTURES, fixtureBytes } from '../support/format-fixtures.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';
import { relativeDifference, runModel } from '../support/run-model.ts';

const FILES = ['keras-3.15.1/mixed_float16.keras', 'keras-3.15.1/float16.keras'].concat([
  'tfkeras-2.15/mixed_float16.h5',
  'tfkeras-2.15/float16.h5',
]);
const open = (name: string): Promise<Model> => readModel(fixtureBytes(name), name);
const again = async (model: Model): Promise<Model> => {
  const { files } = await writeModelToMemory(model);
  return readModel([...files.values()][0] as Uint8Array);
};
const dtypesOf = (model: Model): Set<string> =>
  new Set(
    [...model.allLayers()].flatMap(({ layer: one }) => [...one.weights.values()].map(({ dtype }) => dtype)),
  );

describe.each(FILES)('%s', (name) => {
  test('computes in half floats', async () => {
    const model = await open(name);
    expect(['c1', 'inner/c2', 'out'].map((path) => computeDtype(model.layer(path)))).toEqual([
      'float16',
      'float16',
      'float32',
    ]);
  });

  test('in float32 no policy and no tensor of half floats is left, and the outputs are those of Keras within its precision', async () => {
    const model = await again(castWeights(await open(name), 'float32'));
    const dtypes = [...model.allLayers()].map(({ layer: one }) => JSON.stringify(one.origin?.config));
    expect(dtypes.filter((text) => /float16/.test(text))).toEqual([]);
    expect(model.inputs[0]?.dtype).toBe('float32');
    expect(dtypesOf(model)).toEqual(new Set(['float32']));
    const expected = JSON.parse(readFileSync(join(FIXTURES, `${name}.outputs.json`), 'utf8'));
    const outputs = await runModel(model, [Tensor.fromNumbers('float32', [2, 8, 8, 3], expected.input)]);
    // float16 has 11 binary digits; a step is 5e-4 of a value.
    expect(relativeDifference([Float32Array.from(expected.output)], outputs)).toBeLessThan(2e-3);
  });
});

describe('weights in half floats', () => {
  test.each(['float16', 'bfloat16'] as const)('%s: rounded once, read back as they are', async (dtype) => {
    const model = castWeights(await open(FILES[0] as string), 'float32');
    const read = await again(castWeights(model, dtype));
    expect(dtypesOf(read)).toEqual(new Set([dtype]));
    const [given, kept] = [model, read].map((one) => one.layer('c1').requireWeight('kernel').toFloat64());
    const digits = dtype === 'float16' ? 11 : 8;
    for (const [index, value] of kept?.entries() ?? []) {
      const exact = given?.[index] ?? Number.NaN;
      const step = 2 ** (Math.floor(Math.log2(Math.abs(exact))) + 1 - digits);
      expect(Math.abs(value - exact)).toBeLessThanOrEqual(step / 2);
      expect(Number.isInteger(value / step)).toBe(true);
    }
  });

  test('a weight that they do not hold is named, with the way out', () => {
    const model = buildModel([
      input('i', [2]),
      layer('Dense', 'd', { units: 1 }, { weights: { kernel: [7e4, 1], bias: [0] } }),
    ]);
    expect(() => castWeights(model, 'float16')).toThrow(InvalidModelError);
    expect(() => castWeights(model, 'float16')).toThrow(
      /^d: kernel has 70000, past 65504, the largest float16; choose bfloat16/,
    );
    expect(castWeights(model, 'bfloat16').layer('d').requireWeight('kernel').toFloat64()[0]).toBe(70144);
  });
});

test('a fold past what half floats hold is refused where the policy is mixed', async () => {
  const model = await open('keras-3.15.1/mixed_float16.keras');
  const bn = model.layer('b1');
  const gamma = bn.requireWeight('gamma');
  bn.setWeight('gamma', Tensor.fromNumbers('float32', gamma.shape, gamma.toFloat64().fill(1e6)));
  const left: SkipReason[] = [];
  foldAllBatchNorms(model, { onSkip: (reason) => left.push(reason) });
  expect(left).toContainEqual(expect.objectContaining({ code: 'overflow', dtype: 'float16' }));
});
