import { Tensor } from '../../tensor/tensor.ts';

/**
 * Checks what a model is run by and on, for callers without types.
 *
 * @throws TypeError where `runner` runs nothing, or `inputs` is no list of Tensors.
 */
export function checkRunnerArguments(runner: unknown, inputs: unknown): void {
  const runs = typeof runner === 'object' && runner !== null && 'run' in runner;
  if (!runs || typeof runner.run !== 'function') {
    const isSwapped = isTensors(runner) && typeof inputs === 'object' && inputs !== null && 'run' in inputs;
    throw new TypeError(
      `the runner: expected a ModelRunner, such as await TfjsRunner.create()${
        isSwapped ? ', and the inputs behind it; the two are swapped' : ''
      }`,
    );
  }
  if (isTensors(inputs)) return;
  throw new TypeError('the inputs: expected a list with a Tensor for each input of the model');
}

function isTensors(value: unknown): boolean {
  return Array.isArray(value) && value.every((one) => one instanceof Tensor);
}
