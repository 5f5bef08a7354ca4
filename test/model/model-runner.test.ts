import { describe, expect, it } from 'vitest';
import { checkRunnerArguments } from '../../src/model/model-runner.ts';
import { QuantizationSimModel } from '../../src/quantization/simulation/quantization-sim-model.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';

const runner = { run: async () => [] };
const inputs = [Tensor.of('float32', [1, 2], new Float32Array(2))];

describe('the arguments of what runs a model', () => {
  it('are a runner and a list of Tensors', () => {
    expect(() => checkRunnerArguments(runner, inputs)).not.toThrow();
  });

  it('are told apart where they are swapped', async () => {
    const model = buildModel([input('row', [2]), layer('Dense', 'dense', { units: 2 })]);
    const sim = new QuantizationSimModel(model);
    const swapped = sim.computeEncodings(inputs as never, runner as never);
    await expect(swapped).rejects.toThrow(TypeError);
    await expect(swapped).rejects.toThrow(/expected a ModelRunner, .*; the two are swapped$/);
  });

  it.each([
    ['no runner', undefined, inputs, /expected a ModelRunner, such as await TfjsRunner\.create\(\)$/],
    ['a promise of one', Promise.resolve(runner), inputs, /expected a ModelRunner/],
    ['a Tensor alone', runner, inputs[0], /expected a list with a Tensor for each input/],
    ['numbers', runner, [[1, 2]], /expected a list with a Tensor for each input/],
  ])('are refused: %s', (_, first, second, message) => {
    expect(() => checkRunnerArguments(first, second)).toThrow(TypeError);
    expect(() => checkRunnerArguments(first, second)).toThrow(message);
  });
});
