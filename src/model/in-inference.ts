import { InvalidModelError } from '../errors.ts';
import { buildGraph } from './graph.ts';
import type { Model } from './model.ts';
import { badStatistics, takesTrainingSecond } from './training.ts';

/**
 * A copy of a model with all its calls in inference mode, those of nested models too.
 *
 * @throws InvalidModelError where a batch norm would need statistics then that are not finite.
 */
export function inInference(original: Model): Model {
  for (const call of buildGraph(original).calls) {
    const bad = badStatistics(call);
    if (bad) {
      const reason = `${bad}, and in inference mode it normalizes by its stored statistics; train the layer again`;
      throw new InvalidModelError(call.path, reason);
    }
  }
  const model = original.clone();
  const visit = ({ calls, layers }: Model): void => {
    for (const call of calls) {
      const { training: _, ...kwargs } = call.kwargs;
      call.kwargs = kwargs;
      if (takesTrainingSecond(call.layer)) call.args = call.args.slice(0, 1);
    }
    for (const { model: inner } of layers) if (inner) visit(inner);
  };
  visit(model);
  return model;
}
