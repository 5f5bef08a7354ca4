import type { Layer } from '../../model/layer.ts';
import type { Model } from '../../model/model.ts';
import { activationOf } from '../../model/operation.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** What the layers of a model computed at some time, which ranges of its activations hold for. */
export class RememberedLayers {
  readonly #layers = new Map<
    Layer,
    { readonly weights: ReadonlyMap<string, Tensor>; readonly activation: ReturnType<typeof activationOf> }
  >();

  constructor(model: Model) {
    for (const { layer } of model.allLayers()) {
      this.#layers.set(layer, {
        weights: new Map(layer.weights),
        activation: activationOf(layer.operation),
      });
    }
  }

  /**
   * The first layer that computes something else now. Folding batch norms is no such change: a layer then has their
   * outputs for its own. A layer that is new has no ranges, and is not told of here.
   */
  changedLayer(model: Model): Layer | undefined {
    for (const { layer } of model.allLayers()) {
      const before = this.#layers.get(layer);
      if (!before) continue;
      if (activationOf(layer.operation) !== before.activation) return layer;
      if (!hasSame(layer, before.weights) && !this.#isFolded(layer)) return layer;
    }
    return undefined;
  }

  #isFolded(layer: Layer): boolean {
    return [...this.#layers.keys()].some(
      ({ foldedInto }) => foldedInto?.layer === layer && hasSame(layer, foldedInto.weights),
    );
  }
}

function hasSame({ weights }: Layer, before: ReadonlyMap<string, Tensor>): boolean {
  return weights.size === before.size && [...weights].every(([name, tensor]) => before.get(name) === tensor);
}
