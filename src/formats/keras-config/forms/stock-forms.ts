/**
 * Layers that tfjs-layers 4.22 lacks, or computes otherwise than Keras, as layers that it has and that compute the same in
 * inference, to the rounding of float32. So a page needs no classes of its own to open the model. And those of Keras 3 that
 * Keras 2.15 lacks, and operators of one Keras for the other.
 *
 * @module
 */

import { buildGraph, type GraphCall } from '../../../model/graph.ts';
import { isCustomClass, type Layer } from '../../../model/layer.ts';
import type { Dialect, Model } from '../../../model/model.ts';
import { freeLayerName } from '../../../model/new-layer.ts';
import { activationOf, isWeighted, LINEAR, type Shape } from '../../../model/operation.ts';
import { type LayerReplacement, layerWith, replaceLayers } from '../../../model/replace-layers.ts';
import { isActivationOf, isLayerOfKeras2 } from '../dialects/keras2-lacks.ts';
import { isOperator } from '../dialects/operator-layers.ts';
import { AUGMENTATIONS } from '../layer-classes.ts';
import { activationForm } from './activation-forms.ts';
import { convolutionForm } from './convolution-forms.ts';
import { type Compute, type FormInput, type FormPlace, LayerForm } from './layer-form.ts';
import {
  affine,
  batchNormForm,
  groupNormForm,
  normalizationForm,
  rmsNormForm,
} from './normalization-forms.ts';
import { operatorForm } from './operator-forms.ts';
import { pictureForm, upSamplingForm } from './resize-forms.ts';
import { globalPoolForm, marginForm, poolForm, softmaxForm } from './shape-forms.ts';

/** A layer that was written as others. */
export interface StockForm {
  readonly layer: Layer;
  /** The classes of the layers in its place. */
  readonly classes: readonly string[];
}

/**
 * `model` with such layers replaced, each by a model of layers under its name; the given one is left as it is.
 *
 * @param target who lacks them.
 * @param onForm is told of each.
 */
export function withStockForms(
  model: Model,
  target: 'tfjs' | Dialect,
  onForm: (form: StockForm) => void,
): Model {
  const graph = buildGraph(model);
  const names = new Set<string>();
  const freeName = (wanted: string): string => freeLayerName(model, wanted, names);
  const wrapped = new Set(modelsOfOneLayer(model));
  return replaceLayers(model, (layer, owner) => {
    const entry = layer.origin?.config ?? {};
    if (layer.model || isCustomClass(entry)) return undefined;
    const calls = graph.callsOf(layer);
    const inputs = inputsOf(calls);
    const output = commonShape(calls.map((call) => call.output().shape));
    if (!inputs) return undefined;
    const place: FormPlace = { layer, inputs, freeName };
    const written = (compute: Compute | undefined, at = place, name = layer.name): Layer | undefined => {
      if (!compute) return undefined;
      const form = new LayerForm(at, name);
      const [x] = form.inputs;
      const made = x && form.finished(compute(form, x));
      if (made) onForm({ layer, classes: form.classes });
      return made;
    };
    const [input] = inputs;
    if (!input) return undefined;
    if (isOperator(entry)) {
      const whole = written(operatorForm(entry, calls));
      return whole && { layer: whole, inputs: [0] };
    }
    if (!isWeighted(layer.operation)) {
      const compute =
        target === 'tfjs' ? layerForm(layer, owner, input, output) : kerasForm(layer, owner, input, target);
      const whole = written(compute);
      return whole && { layer: whole };
    }
    const now = activationOf(layer.operation);
    const isLacked =
      output !== undefined && (target === 'tfjs' || !isActivationOf(target, now, owner.dialect));
    const activation = isLacked
      ? activationForm(now, layer.readConfig['activation'], owner.dialect, target)
      : undefined;
    const plain = activation
      ? layerWith(layer, { operation: { ...layer.operation, activation: LINEAR } })
      : layer;
    const convolution = target === 'tfjs' ? convolutionForm(plain, input.shape, output) : undefined;
    if (activation && wrapped.has(owner)) {
      // What is inside of a TimeDistributed is one layer.
      const whole = written((form, x) =>
        activation(form, convolution?.(form, x) ?? form.kept(plain, x, owner.dialect)),
      );
      return whole && { layer: whole };
    }
    const own = written(convolution, { ...place, layer: plain });
    const behind =
      activation && output
        ? written(
            activation,
            { ...place, inputs: [{ shape: output, dtype: 'float32' }] },
            freeName(`${layer.name}_activation`),
          )
        : undefined;
    if (!own && !behind) return undefined;
    return { layer: own ?? plain, ...(behind ? { behind: [behind] } : {}) } satisfies LayerReplacement;
  });
}

/** What stands inside of each TimeDistributed around a layer. */
function* modelsOfOneLayer(model: Model): Generator<Model> {
  for (const { model: inside, steps } of model.layers) {
    if (!inside) continue;
    if (steps === 'layer') yield inside;
    else yield* modelsOfOneLayer(inside);
  }
}

/** What is computed in the place of a layer that the other Keras lacks. */
function kerasForm(layer: Layer, owner: Model, input: FormInput, target: Dialect): Compute | undefined {
  const { operation, className, readConfig } = layer;
  if (target === 'keras2') {
    if (className === 'RMSNormalization' && operation.kind === 'opaque')
      return rmsNormForm(layer, input.shape);
    if (operation.kind === 'identity' && AUGMENTATIONS.has(className) && !isLayerOfKeras2(className))
      return (form, x) => form.activated(x, 'linear');
  }
  if (className !== 'Activation' || operation.kind !== 'activation') return undefined;
  const { activation } = operation;
  return isActivationOf(target, activation, owner.dialect)
    ? undefined
    : activationForm(activation, readConfig['activation'], owner.dialect, target);
}

/** What is computed in the place of a layer without a kernel. */
function layerForm(
  layer: Layer,
  owner: Model,
  input: FormInput,
  output: Shape | undefined,
): Compute | undefined {
  const { operation, className, origin, readConfig, weights } = layer;
  const { shape } = input;
  switch (operation.kind) {
    case 'activation': {
      if (className === 'Softmax') return softmaxForm(layer, shape);
      const entry = className === 'Activation' ? readConfig['activation'] : origin?.config;
      return activationForm(operation.activation, entry, owner.dialect, 'tfjs');
    }
    case 'batchNorm':
      return batchNormForm(layer, operation, shape);
    case 'zeroPadding':
    case 'cropping':
    case 'upSampling':
      return marginForm(operation, shape, output) ?? upSamplingForm(operation, shape);
    case 'pool':
      return globalPoolForm(operation, shape, output) ?? poolForm(layer, operation);
    case 'identity':
      // Whole numbers become floats in them.
      return AUGMENTATIONS.has(className) && !/float/.test(input.dtype) ? (_, x) => x : undefined;
    case 'merge':
      if (className !== 'Subtract') return undefined;
      return (form, x) => form.added(x, form.rescaled(form.inputs[1] ?? x, -1));
    case 'opaque':
      break;
    default:
      return undefined;
  }
  switch (className) {
    case 'Normalization':
      return normalizationForm(layer, shape);
    case 'GroupNormalization':
      return groupNormForm(layer, shape);
    case 'CenterCrop':
    case 'RandomCrop':
    case 'Resizing':
      return pictureForm(layer, shape);
    case 'RMSNormalization':
      return rmsNormForm(layer, shape);
    case 'LayerScale': {
      const [gamma] = weights.values();
      if (!gamma || shape.length > 4) return undefined;
      const factors = [...gamma.toFloat64()];
      return (form, x) => affine(form, x, factors, Array(factors.length).fill(0));
    }
    case 'CustomScaleLayer': {
      const scale = Number(readConfig['scale'] ?? 1);
      return (form, x) => form.added(x, form.rescaled(form.inputs[1] ?? x, scale));
    }
    default:
      return undefined;
  }
}

/** What all calls of a layer read, sizes open in which they differ; undefined where not even ranks are known and the same. */
function inputsOf(calls: readonly GraphCall[]): FormInput[] | undefined {
  const [first, ...others] = calls;
  if (!first) return undefined;
  const merged = first.inputs.map(({ shape }, index): FormInput | undefined => {
    const all = [shape, ...others.map((call) => call.inputs[index]?.shape)];
    if (!shape || all.some((one) => one?.length !== shape.length)) return undefined;
    const open = shape.map((size, axis) =>
      axis > 0 && all.every((one) => one?.[axis] === size) ? size : null,
    );
    return { shape: open, dtype: first.call.inputs[index]?.dtype ?? 'float32' };
  });
  const complete = merged.filter((one) => one !== undefined);
  return complete.length === merged.length ? complete : undefined;
}

function commonShape(shapes: readonly (Shape | undefined)[]): Shape | undefined {
  const [first, ...others] = shapes;
  return others.every((shape) => shape?.join() === first?.join()) ? first : undefined;
}
