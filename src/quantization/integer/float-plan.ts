import { buildGraph } from '../../model/graph.ts';
import type { Model } from '../../model/model.ts';
import { freeNames } from '../../text/names.ts';
import { integerForm } from './integer-form.ts';
import { refuseMasks, refuseWholeNumbers } from './whole-numbers.ts';

/** What a `.tflite` file in float is made from: the form of whole-integer models, without a grid or a code. */
export interface FloatPlan {
  /** The {@link integerForm} of the model, with its float weights. */
  readonly model: Model;
  /** What the inputs and outputs of the model are called: as the layers that make them. */
  readonly names: { readonly inputs: readonly string[]; readonly outputs: readonly string[] };
}

/**
 * The plan of the float file of a model.
 *
 * @throws UnsupportedModelError where a layer reads whole numbers as floats.
 */
export function floatPlan(model: Model): FloatPlan {
  const form = integerForm(model);
  const graph = buildGraph(form);
  refuseMasks(graph);
  refuseWholeNumbers(graph);
  return { model: form, names: portNamesOf(model) };
}

/** The names of the inputs and outputs of a model. */
export function portNamesOf(model: Model): FloatPlan['names'] {
  return { inputs: portNames(model, 'inputs'), outputs: portNames(model, 'outputs') };
}

/** The names of the layers that make the inputs or outputs, with a number where one makes several. */
export function portNames(model: Model, side: 'inputs' | 'outputs'): string[] {
  return freeNames(
    model[side].map(({ producer }, index) => producer?.layer.name ?? `${side.slice(0, -1)}_${index}`),
  );
}
