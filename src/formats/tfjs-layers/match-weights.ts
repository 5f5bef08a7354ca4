/**
 * Names of weights in a TF.js manifest and the layers that they belong to.
 *
 * TF.js names a weight `layer/weight` by the innermost layer, whichever model that is nested in, and drops the second
 * last part of a name that it does not know (`lstm/lstm_cell/kernel`): `Container.loadWeights` of tfjs-layers 4.22. The
 * converter under Keras 3 puts the name of a Sequential in front (`sequential/conv2d/kernel`), which TF.js finds no layer for.
 *
 * @module
 */

import { InvalidModelError } from '../../errors.ts';
import type { Layer } from '../../model/layer.ts';
import { type WeightName, weightNamesOf } from '../../model/layer-weights.ts';
import type { Model } from '../../model/model.ts';
import { kerasWeightName } from '../keras-weight-names.ts';
import { stockWeights } from '../stock-weights.ts';

/** The name in the manifest of a weight of a layer whose operation is known. */
export function manifestName(layer: Layer, name: string): string {
  return `${layer.name}/${kerasWeightName(name)}`;
}

/** The names in the manifest of the weights of an opaque layer, in their order. */
export function opaqueWeightNames(layer: Layer): string[] {
  const known = stockWeights(layer);
  if (known) return known.map(({ tfjs }) => `${layer.name}/${tfjs}`);
  return [...layer.weights.keys()].map((key) => {
    const plain = key.replace(/:0$/, '');
    return plain.startsWith(`${layer.name}/`) ? plain : `${layer.name}/${plain}`;
  });
}

/** A layer and which of its weights have which names in the manifest, in Keras' order. */
export interface NamedWeights {
  readonly layer: Layer;
  /** Name of the weight in the layer to its name in the manifest. */
  readonly names: Map<string, string>;
}

/** Whether TF.js itself finds the layer of a weight by its name in the manifest. */
export function isFoundByTfjs({ layer, names }: NamedWeights): boolean {
  return [...names.values()].every((name) => name.startsWith(`${layer.name}/`));
}

/**
 * Finds the layer of each of the names, with those of models in front or without.
 *
 * @throws InvalidModelError where a name has no layer, a layer lacks a weight, or TF.js could not tell two layers apart.
 */
export function matchWeightNames(model: Model, names: readonly string[], source: string): NamedWeights[] {
  const expected = new Map<string, { target: NamedWeights; weight: WeightName }>();
  const opaque = new Map<string, NamedWeights>();
  const matched: NamedWeights[] = [];
  for (const { layer } of model.allLayers()) {
    const target: NamedWeights = { layer, names: new Map() };
    matched.push(target);
    const weights = weightNamesOf(layer.operation);
    if (!weights) {
      rejectAmbiguous(opaque.get(layer.name), target);
      opaque.set(layer.name, target);
    }
    for (const weight of weights ?? []) {
      const name = manifestName(layer, weight);
      rejectAmbiguous(expected.get(name)?.target, target);
      expected.set(name, { target, weight });
    }
  }
  const found = new Map<string, string>();
  for (const name of names) {
    const isFound = endsOf(name).some((end) => {
      const owner = opaqueOwner(end, opaque);
      const known = [end, ...(owner ? [] : [shortened(end)])].find(
        (one) => expected.has(one) && !found.has(one),
      );
      if (known !== undefined) found.set(known, name);
      else owner?.names.set(end.slice(owner.layer.name.length + 1), name);
      return known !== undefined || owner !== undefined;
    });
    if (!isFound) throw unclaimed(name, source);
  }
  for (const [name, { target, weight }] of expected) {
    const inFile = found.get(name);
    if (inFile === undefined) {
      throw new InvalidModelError(
        target.layer.path,
        `${source} has no weight ${name}; the model.json is not complete: convert the model again`,
      );
    }
    target.names.set(weight, inFile);
  }
  return matched;
}

/** A name, and what is left of it without the names in front, longest first. */
function endsOf(name: string): string[] {
  const parts = name.split('/');
  return parts.slice(0, -1).map((_, index) => parts.slice(index).join('/'));
}

/** `lstm/lstm_cell/kernel` to `lstm/kernel`. */
function shortened(name: string): string {
  const parts = name.split('/');
  return [...parts.slice(0, -2), parts.at(-1) ?? ''].join('/');
}

/** The layer with the longest name that `name` starts with: names of layers may contain slashes. */
function opaqueOwner(name: string, opaque: ReadonlyMap<string, NamedWeights>): NamedWeights | undefined {
  for (let end = name.lastIndexOf('/'); end > 0; end = name.lastIndexOf('/', end - 1)) {
    const owner = opaque.get(name.slice(0, end));
    if (owner) return owner;
  }
  return undefined;
}

function rejectAmbiguous(other: NamedWeights | undefined, target: NamedWeights): void {
  if (!other) return;
  throw new InvalidModelError(
    target.layer.path,
    `TF.js knows weights by the name of the layer alone, and ${other.layer.path} has the same name; rename one in ` +
      'the original model and convert it again',
  );
}

function unclaimed(name: string, source: string): InvalidModelError {
  return new InvalidModelError(
    '',
    `${source}: the weight ${name} belongs to no layer of the model; the topology and the weights in model.json are ` +
      'not of the same model; convert it again',
  );
}
