import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Layer } from '../../../src/model/layer.ts';
import type { Model } from '../../../src/model/model.ts';
import { CrossLayerScaling } from '../../../src/primitives/cross-layer-scaling.ts';
import {
  referencePasses,
  STEPS,
  type Step,
  type StepRecord,
} from '../../../src/primitives/equalize-model.ts';
import { allIn, runPasses } from '../../../src/primitives/pass.ts';
import { Tensor } from '../../../src/tensor/tensor.ts';
import { recordRun } from '../../../src/verification/comparing/model-run.ts';
import { seededInputs } from '../../../src/verification/inputs/seeded-inputs.ts';
import {
  type ProofOptions,
  provePasses,
  type RecipeProof,
} from '../../../src/verification/proving/prove-passes.ts';
import { TfjsRunner } from '../../../src/verification/run/runner.ts';
import { buildModel, input, type LayerSpec, layer } from '../../support/model-builder.ts';

let runner: TfjsRunner;
beforeAll(async () => {
  runner = await TfjsRunner.create();
});
afterEach(() => {
  vi.restoreAllMocks();
});

const BLOCKS = 6;

const ZEROS = [0, 0, 0, 0, 0];

/**
 * Six convolutions, each with a batch norm and an activation behind it, and a Dense with softmax. Without constants the
 * output hangs on the input alone, and on every factor.
 */
function chain(activation: LayerSpec['config'] = {}): Model {
  const blocks = Array.from({ length: BLOCKS }, (_, index) => [
    layer('Conv2D', `conv${index}`, { filters: 5, kernel_size: 3, padding: 'same', use_bias: false }),
    layer('BatchNormalization', `bn${index}`, {}, { weights: { beta: ZEROS, movingMean: ZEROS } }),
    layer('ReLU', `relu${index}`, activation),
  ]).flat();
  return buildModel([
    input('x', [8, 8, 3]),
    ...blocks,
    layer('GlobalAveragePooling2D', 'pool'),
    layer('Dense', 'dense', { units: 4, activation: 'softmax' }),
  ]);
}

/** Multiplies one channel of a kernel, as a wrong factor would. */
function damage(target: Layer, factor: number): void {
  const kernel = target.requireWeight('kernel');
  const factors = new Float64Array(kernel.columns).fill(1);
  factors[2] = factor;
  target.setWeight('kernel', kernel.scaled('columns', factors));
}

/** From now on scaling gets a channel of the first layer of these sets wrong. */
function injectWrongScale(firstLayers: readonly string[], factor = 2): void {
  const scale = CrossLayerScaling.scaleClsSets;
  vi.spyOn(CrossLayerScaling, 'scaleClsSets').mockImplementation((sets) => {
    const factors = scale(sets);
    for (const [first] of sets) if (firstLayers.includes(first.path)) damage(first, factor);
    return factors;
  });
}

/** Runs steps of the reference with proof. */
async function proveSteps(
  model: Model,
  steps: readonly Step[],
  options: ProofOptions<Step>,
): Promise<RecipeProof<Step> & { readonly records: readonly StepRecord[] }> {
  const { records, proof } = await provePasses(model, referencePasses(steps), options);
  return { ...proof, records };
}

describe('provePasses', () => {
  it('does what runPasses does and proves it', async () => {
    const model = chain();
    const plain = model.clone();
    const { records, proofs } = await proveSteps(model, ['scale', 'fold'], {
      runner,
      inputs: seededInputs(model),
    });
    const expected = await runPasses(plain, referencePasses(['fold', 'scale']));
    expect(records).toEqual(expected);
    expect(allIn(records, 'folded')).toHaveLength(BLOCKS);
    for (const { path, layer: made } of model.allLayers()) {
      for (const [name, tensor] of made.weights) {
        expect(tensor.values(), `${path}/${name}`).toEqual(plain.layer(path).weights.get(name)?.values());
      }
    }
    expect(proofs.map(({ pass, verdict }) => [pass, verdict])).toEqual([
      ['fold', 'same'],
      ['scale', 'same'],
    ]);
    for (const { outputs, undone } of proofs) {
      expect(outputs[0]?.maxRelative).toBeLessThan(1e-5);
      expect(outputs[0]?.sqnrDb).toBeGreaterThan(90);
      expect(undone).toEqual([]);
    }
  });

  it('runs the model once less where it is known what it makes of the inputs', async () => {
    const [first, second] = [chain(), chain()];
    const options = { runner, inputs: seededInputs(first) };
    const before = await recordRun(first, options);
    const runs = vi.spyOn(runner, 'run');
    const known = await proveSteps(first, ['fold'], { ...options, before });
    expect(runs).toHaveBeenCalledTimes(1);
    expect(known).toEqual(await proveSteps(second, ['fold'], options));
    expect(runs).toHaveBeenCalledTimes(3);
  });

  it('says by how much a step changes the function that is asked for although it does', async () => {
    const model = chain({ max_value: 6, negative_slope: 0, threshold: 0 });
    // Activations far above six.
    for (const { layer: one } of model.allLayers()) if (one.operation.kind === 'batchNorm') raiseBeta(one);
    const { proofs } = await proveSteps(model, STEPS, { runner, inputs: seededInputs(model) });
    const [relu6, fold, scale, bias] = proofs;
    expect(relu6).toMatchObject({ pass: 'relu6', keepsFunction: false, verdict: 'different', undone: [] });
    expect(relu6?.outputs[0]?.sqnrDb).toBeLessThan(40);
    expect(relu6?.outputs[0]?.top1Agreement).toBeGreaterThanOrEqual(0);
    expect([fold?.verdict, scale?.verdict]).toEqual(['same', 'same']);
    expect(bias?.pass).toBe('bias');
    expect(bias?.undone).toEqual([]);
  });

  it('finds, undoes and names a set that was scaled wrongly', async () => {
    injectWrongScale(['conv2']);
    const model = chain();
    const original = model.clone();
    const { records, proofs } = await proveSteps(model, ['fold', 'scale'], {
      runner,
      inputs: seededInputs(model),
    });
    const [fold, scale] = proofs;
    expect(fold).toMatchObject({ verdict: 'same', undone: [] });
    expect(scale?.verdict).toBe('same');
    expect(scale?.undone.map(({ layers }) => layers)).toEqual([['conv2', 'conv3']]);
    expect(scale?.undone[0]?.maxRelative).toBeGreaterThan(1e-4);
    expect(allIn(records, 'clsSets')).toHaveLength(BLOCKS - 2);
    expect(records[1]?.left).toContainEqual({
      code: 'changes-function',
      layers: ['conv2', 'conv3'],
      maxRelative: scale?.undone[0]?.maxRelative,
      message: expect.stringMatching(/^conv2, conv3: left alone; the edit changed the function by/),
    });
    const [before] = await runner.run(original, seededInputs(model));
    const [after] = await runner.run(model, seededInputs(model));
    const differences = before?.toFloat64().map((value, index) => value - (after?.toFloat64()[index] ?? NaN));
    expect(Math.max(...(differences ?? [NaN]).map(Math.abs))).toBeLessThan(1e-5);
  });

  it('finds several', async () => {
    injectWrongScale(['conv0', 'conv1', 'conv4']);
    const model = chain();
    const { proofs } = await proveSteps(model, ['scale', 'fold'], {
      runner,
      inputs: seededInputs(model),
    });
    expect(proofs[1]?.verdict).toBe('same');
    expect(proofs[1]?.undone.map(({ layers: [first] }) => first).sort()).toEqual(['conv0', 'conv1', 'conv4']);
  });

  it('finds a batch norm that was folded wrongly, and keeps it', async () => {
    const model = chain();
    // The weights change behind the back of the fold, as if it had got them wrong.
    const conv = model.layer('conv3');
    const set = conv.setWeight.bind(conv);
    conv.setWeight = (name, tensor) => {
      set(name, name === 'bias' ? tensor : tensor.scaled('columns', [1, 1, 1.05, 1, 1]));
    };
    const { records, proofs } = await proveSteps(model, ['fold'], {
      runner,
      inputs: seededInputs(model),
    });
    expect(proofs[0]?.undone.map(({ layers }) => layers)).toEqual([['bn3', 'conv3']]);
    expect(proofs[0]?.verdict).toBe('same');
    expect(allIn(records, 'folded').map(({ batchNorm }) => batchNorm)).not.toContain('bn3');
    expect(model.layer('bn3').foldedInto).toBeUndefined();
    expect(allIn(records, 'left')).toMatchObject([{ code: 'changes-function', layers: ['bn3', 'conv3'] }]);
  });

  it('goes through all steps where the model cannot be run, and says why', async () => {
    const model = buildModel([
      input('x', [4, 4, 3]),
      layer('Conv2D', 'conv', { filters: 2, kernel_size: 1 }),
      layer('BatchNormalization', 'bn'),
      layer('SomethingOfTheirs', 'custom'),
    ]);
    const { records, proofs } = await proveSteps(model, ['fold'], {
      runner,
      inputs: seededInputs(model),
    });
    expect(allIn(records, 'folded')).toHaveLength(1);
    expect(proofs).toMatchObject([
      { pass: 'fold', keepsFunction: true, verdict: 'not-verified', undone: [] },
    ]);
    expect(proofs[0]?.reason).toMatch(/custom: SomethingOfTheirs/);
  });
});

function raiseBeta(bn: Layer): void {
  bn.setWeight('beta', Tensor.fromNumbers('float32', [5], [9, 8, 7, 6, 5]));
}
