import { Tensor } from 'crosslayer';
import { loadModel } from 'crosslayer/node';
import { describe, expect, it } from 'vitest';
import type { ModelRun } from '../../src/verification/comparing/model-run.ts';
import { previewedChoices } from '../../web/page/choices/previewed-choices.ts';
import { coverSize, withChannels } from '../../web/worker/compare/decode-pictures.ts';
import { classOutput, sharesOf, topClasses } from '../../web/worker/compare/top-classes.ts';
import { Previews } from '../../web/worker/equalize/previews.ts';
import { Trials } from '../../web/worker/equalize/trials.ts';
import { picturesOf } from '../../web/worker/open/pictures-of.ts';

const fixture = (name: string): string => new URL(`../fixtures/formats/${name}`, import.meta.url).pathname;
const example = new URL('../../examples/fashion-mobilenetv2.keras', import.meta.url).pathname;

it('the example takes pictures of its size', async () => {
  expect(picturesOf(await loadModel(example))).toEqual({ height: 32, width: 32, channels: 1 });
});

describe('previews', () => {
  it('tell what each target costs', async () => {
    const model = await loadModel(fixture('keras-3.15.1/sequential.keras'));
    const previews = new Previews(model, new Trials(model));
    for (const choice of previewedChoices(false)) {
      const { target, cost, obstacle } = await previews.of(choice);
      expect([target, obstacle]).toEqual([choice.target, null]);
      expect(cost).toMatch(/\.$/);
    }
  });

  it('tell what each policy gains and costs', async () => {
    const model = await loadModel(example);
    const previews = new Previews(model, new Trials(model));
    const [exact, keep, relu] = await Promise.all(
      (['exact', 'keep', 'relu'] as const).map((relu6) => previews.of({ target: 'int8-per-tensor', relu6 })),
    );
    // Scaling ends at every ReLU6 of this network, and it has one behind each convolution.
    // Of kernels and tensors together, which leave less to gain than kernels alone.
    expect(exact?.gainDb).toBeCloseTo(12.3, 0);
    expect(keep?.gainDb).toBeCloseTo(2.5, 0);
    expect(exact?.cost).toMatch(/^35 layers are added/);
    expect(keep?.cost).toMatch(/scaling ends at each ReLU6/);
    expect(relu?.cost).toMatch(/^35 activations lose their maximum of 6.*% in the worst layer/);
  });
});

describe('pictures', () => {
  it.each([
    [
      { width: 400, height: 200 },
      { width: 200, height: 100, left: 50, top: 0 },
    ],
    [
      { width: 50, height: 75 },
      { width: 100, height: 150, left: 0, top: 25 },
    ],
    [
      { width: 100, height: 100 },
      { width: 100, height: 100, left: 0, top: 0 },
    ],
    [
      { width: 301, height: 100 },
      { width: 301, height: 100, left: 100, top: 0 },
    ],
  ])('%o covers 100 x 100 as %o', (picture, expected) => {
    expect(coverSize(picture, { width: 100, height: 100 })).toEqual(expected);
  });

  it('have the channels that the model takes', () => {
    const rgba = Uint8ClampedArray.of(10, 20, 30, 255, 255, 255, 255, 0);
    expect([...withChannels(rgba, 3)]).toEqual([10, 20, 30, 255, 255, 255]);
    // 0.299 * 10 + 0.587 * 20 + 0.114 * 30 = 18.15
    expect([...withChannels(rgba, 1)]).toEqual([18, 255]);
    expect([...withChannels(rgba, 4)]).toEqual([...rgba]);
  });
});

describe('classes', () => {
  const run = (shape: readonly number[], values: readonly number[], kind: 'output' | 'sigmoid') =>
    ({
      outputs: [Tensor.fromNumbers('float32', shape, values)],
      sources: [{ kind }],
    }) as unknown as ModelRun;

  it('are shares that add up to 1', () => {
    expect([...sharesOf(Float64Array.of(0.25, 0.75))]).toEqual([0.25, 0.75]);
    expect([...sharesOf(Float64Array.of(0.9))].map((one) => one.toFixed(2))).toEqual(['0.10', '0.90']);
    const [low = 0, high = 0] = sharesOf(Float64Array.of(1000, 1000 + Math.log(3)));
    expect(low).toBeCloseTo(0.25, 9);
    expect(high).toBeCloseTo(0.75, 9);
  });

  it('are found in the outputs, the likeliest first', () => {
    const four = run([2, 4], [0.125, 0.5, 0.25, 0.125, 1, 0, 0, 0], 'output');
    expect(classOutput(four)).toBe(0);
    expect(topClasses(four, 0)).toEqual([
      [
        { index: 1, share: 0.5 },
        { index: 2, share: 0.25 },
        { index: 0, share: 0.125 },
      ],
      [
        { index: 0, share: 1 },
        { index: 1, share: 0 },
        { index: 2, share: 0 },
      ],
    ]);
    expect(classOutput(run([2, 1], [0.5, 1], 'sigmoid'))).toBe(0);
    expect(classOutput(run([2, 1], [0.5, 1], 'output'))).toBeUndefined();
    expect(classOutput(run([1, 2, 2], [1, 2, 3, 4], 'output'))).toBeUndefined();
  });
});
