import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type ClsSetInfo, CrossLayerScaling } from '../../src/aimet.ts';
import { readModel } from '../../src/formats/read.ts';
import type { Layer, Model, SkipReason } from '../../src/index.ts';
import { type FoldedPair, foldAllBatchNorms } from '../../src/primitives/batch-norm-fold.ts';
import { HighBiasFold } from '../../src/primitives/high-bias-fold.ts';
import { replaceRelu6WithRelu } from '../../src/primitives/replace-relu6.ts';
import {
  type GoldenCase,
  type GoldenReport,
  goldenCases,
  goldenIo,
  goldenPath,
  goldenReport,
  goldenWeights,
  type StepName,
  type Values,
} from '../support/golden.ts';
import { predict, runnable } from '../support/predict.ts';

/** Of the layer's largest |w|; golden/README.md. */
const WEIGHT_TOLERANCE = 1e-5;
/** Relative; the reference's float32 cube root is approximate (golden/README.md). */
const FACTOR_TOLERANCE = 2e-6;
/** Of the output's largest value, for equal function in float32. */
const FUNCTION_TOLERANCE = 1e-5;

/**
 * Cases in which the reference's record of a step holds something that is no part of the algorithm. Each was looked at.
 */
const EXCEPTIONS: Readonly<Record<string, string>> = {
  fused_relu6_depthwise: 'the reference leaves the ReLU6 fused into the DepthwiseConv2D; ours replaces it',
};

/** Said to be foldable by the data, but the batch norm is read by nothing but an output through a Flatten. */
const NOTHING_TO_FOLD = new Set(['mispair_flatten_output']);

/** Models that TF.js cannot load; the interop check runs them in Keras. */
const NOT_IN_TFJS = new Set(['fused_prelu_layer', 'lambda_between']);

/** TensorFlow on a CPU cannot run it, so that there is nothing that the model as it is could be compared with. */
const WITHOUT_OUTPUTS = new Set(['channels_first']);

interface Run {
  readonly original: Model;
  readonly relu6: { readonly model: Model; readonly changed: readonly Layer[] };
  readonly fold: { readonly model: Model; readonly pairs: readonly FoldedPair[] };
  readonly scale: { readonly model: Model; readonly sets: readonly ClsSetInfo[] };
  readonly bias: { readonly model: Model };
  readonly skipped: readonly SkipReason[];
}

/** All four steps; a clone after each keeps what it looked like. */
async function run(name: string): Promise<Run> {
  const bytes = new Uint8Array(readFileSync(goldenPath(name, 'input.h5')));
  const model = await readModel(bytes, `${name}/input.h5`);
  const original = model.clone();
  const skipped: SkipReason[] = [];
  const onSkip = (reason: SkipReason): number => skipped.push(reason);
  const [, changed] = replaceRelu6WithRelu(model, { onSkip });
  const relu6 = { model: model.clone(), changed };
  const [pairs] = foldAllBatchNorms(model, { onSkip });
  const fold = { model: model.clone(), pairs };
  const sets = CrossLayerScaling.scaleModel(model, { onSkip });
  const scale = { model: model.clone(), sets };
  // All pairs, as the reference's examples give them.
  HighBiasFold.biasFold(sets, new Map(pairs), { onSkip });
  return { original, relu6, fold, scale, bias: { model }, skipped };
}

const GOLDEN_NAMES: Readonly<Record<string, string>> = {
  depthwiseKernel: 'depthwise_kernel',
  pointwiseKernel: 'pointwise_kernel',
};

/** Every layer with a kernel has the reference's weights. Batch norms that nothing absorbed do not count. */
function expectWeights(model: Model, golden: ReadonlyMap<string, ReadonlyMap<string, Values>>): void {
  let compared = 0;
  for (const { layer } of model.allLayers()) {
    if (layer.operation.kind === 'batchNorm' || layer.weights.size === 0) continue;
    const expected = golden.get(layer.path);
    expect(expected, layer.path).toBeDefined();
    for (const [name, tensor] of layer.weights) {
      const reference = expected?.get(GOLDEN_NAMES[name] ?? name);
      expect(reference?.shape, `${layer.path}/${name}`).toEqual([...tensor.shape]);
      const values = tensor.toFloat64();
      const largest = reference?.values.reduce((max, value) => Math.max(max, Math.abs(value)), 0) ?? 0;
      const worst = values.reduce(
        (max, value, index) => Math.max(max, Math.abs(value - (reference?.values[index] ?? NaN))),
        0,
      );
      expect(worst, `${layer.path}/${name}, largest ${largest}`).toBeLessThanOrEqual(
        WEIGHT_TOLERANCE * largest,
      );
      compared++;
    }
  }
  expect(compared).toBeGreaterThan(0);
}

function expectSets(sets: readonly ClsSetInfo[], report: GoldenReport): void {
  const golden = report.cls_pairs ?? [];
  const names = sets.map(({ clsPairInfoList }) =>
    clsPairInfoList.map(({ layer1, layer2, reluActivationBetweenLayers }) => ({
      layer1: layer1.name,
      layer2: layer2.name,
      relu: reluActivationBetweenLayers,
    })),
  );
  expect(names).toEqual(
    golden.map((set) => set.map(({ layer1, layer2, relu }) => ({ layer1, layer2, relu }))),
  );
  for (const [index, { clsPairInfoList }] of sets.entries()) {
    for (const [part, { scaleFactor }] of clsPairInfoList.entries()) {
      const expected = golden[index]?.[part]?.scale_factor ?? [];
      expect(scaleFactor.length).toBe(expected.length);
      for (const [channel, factor] of expected.entries()) {
        const difference = Math.abs((scaleFactor[channel] ?? NaN) - factor);
        expect(difference, `set ${index}, part ${part}, channel ${channel}: ${factor}`).toBeLessThanOrEqual(
          FACTOR_TOLERANCE * Math.abs(factor),
        );
      }
    }
  }
}

/** Batch norms left in the model, each with a reason. */
function expectReasons({ fold, skipped }: Run): void {
  const reasons = new Set(skipped.map(({ layers }) => layers[0]));
  for (const { layer } of fold.model.allLayers()) {
    if (layer.operation.kind === 'batchNorm')
      expect(reasons, `a reason for ${layer.path}`).toContain(layer.path);
  }
}

function largestOf({ values }: Values): number {
  return values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
}

function expectSameOutputs(actual: readonly Values[], expected: readonly Values[], what: string): void {
  expect(actual.length).toBe(expected.length);
  for (const [index, output] of expected.entries()) {
    const largest = largestOf(output);
    const worst = output.values.reduce(
      (max, value, at) => Math.max(max, Math.abs(value - (actual[index]?.values[at] ?? NaN))),
      0,
    );
    expect(worst, `${what}, output ${index}, largest ${largest}`).toBeLessThanOrEqual(
      FUNCTION_TOLERANCE * largest,
    );
  }
}

const cases = goldenCases();

test('the golden data is there', () => {
  expect(cases.length).toBeGreaterThanOrEqual(40);
});

describe.each(cases)('$name', (golden: GoldenCase) => {
  const { name } = golden;
  const verdict = (step: StepName): string => golden.steps[step].verdict;
  const report = goldenReport(name);

  test('steps as the reference has them, or better', async () => {
    const result = await run(name);
    if (verdict('relu6') === 'match' && !(name in EXCEPTIONS)) {
      expect(result.relu6.changed.length).toBe(report.relu6_changed_layers?.length ?? 0);
    }
    const pairs = result.fold.pairs.map(([layer, bn]) => [layer.name, bn.name]);
    if (verdict('fold') === 'match') {
      expect(pairs).toEqual(report.folded_pairs ?? []);
      expectWeights(result.fold.model, await goldenWeights(name, 'fold'));
    }
    if (verdict('fold') === 'reference-incomplete') {
      expect(pairs).toEqual(expect.arrayContaining([...(report.folded_pairs ?? [])]));
      if (!NOTHING_TO_FOLD.has(name)) expect(pairs.length).toBeGreaterThan(report.folded_pairs?.length ?? 0);
    }
    expectReasons(result);
    if (verdict('scale') === 'match') {
      expectSets(result.scale.sets, report);
      expectWeights(result.scale.model, await goldenWeights(name, 'scale'));
    }
    if (verdict('bias') === 'match') expectWeights(result.bias.model, await goldenWeights(name, 'bias'));
  });

  test('the reader sees the model that the reference saw, and folding and scaling keep its function', async () => {
    const result = await run(name);
    if (NOT_IN_TFJS.has(name)) {
      // Not passed over: this fails as soon as TF.js can run the case.
      expect(await runnable(result.original)).toBe(false);
      return;
    }
    const { inputs, outputs } = await goldenIo(name);
    const before = await predict(result.original, inputs);
    if (WITHOUT_OUTPUTS.has(name)) expect(outputs).toEqual([]);
    else expectSameOutputs(before, outputs, 'original');
    const changed = await predict(result.relu6.model, inputs);
    expectSameOutputs(await predict(result.fold.model, inputs), changed, 'fold');
    expectSameOutputs(await predict(result.scale.model, inputs), changed, 'scale');
  });
});
