/**
 * What has float operators alone, or is put together from them.
 *
 * @module
 */

import type { GraphCall } from '../../model/graph.ts';
import { isCustomClass, type Layer } from '../../model/layer.ts';
import type { OptionValue } from './graph.ts';
import type { Lowering } from './lowering.ts';
import type { OperatorName } from './operators.ts';

/** An operator that is not added yet, because the last one of a layer writes the layer's tensor. */
interface Step {
  readonly op: OperatorName;
  readonly inputs: readonly number[];
  readonly options?: Readonly<Record<string, OptionValue>>;
}

/** Operators one after the other on floats of one shape. */
class Steps {
  readonly #lowering: Lowering;
  readonly #call: GraphCall;

  constructor(lowering: Lowering, call: GraphCall) {
    this.#lowering = lowering;
    this.#call = call;
  }

  shapeOf(index: number): readonly number[] {
    return this.#lowering.maker.tensor(index).shape;
  }

  /** A constant that is the same for all elements. */
  number(value: number): number {
    return this.constant(String(value), [1], [value]);
  }

  constant(name: string, shape: readonly number[], values: ArrayLike<number>): number {
    const wanted = `${this.#call.path};${name}`;
    return this.#lowering.shared(wanted, () =>
      this.#lowering.maker.constant(this.#lowering.name(wanted), shape, undefined, values),
    );
  }

  /** Adds an operator whose output has the shape of the first input, or another. */
  add({ op, inputs, options = {} }: Step, shape?: readonly number[]): number {
    const { maker } = this.#lowering;
    const name = this.#lowering.name(`${this.#call.path};${op}`);
    const output = maker.computed(name, shape ?? this.shapeOf(inputs[0] ?? -1), undefined);
    return maker.operator(op, { layer: this.#call.path, inputs, output, options });
  }

  /** {@link add} without options. */
  of(op: OperatorName, ...inputs: number[]): number {
    return this.add({ op, inputs });
  }

  /** The mean over some axes, which stay as 1. */
  mean(input: number, axes: readonly number[]): number {
    const { maker } = this.#lowering;
    const shape = this.shapeOf(input).map((size, axis) => (axes.includes(axis) ? 1 : size));
    const parts = { op: 'MEAN', inputs: [input, maker.numbers(axes)], options: { keep_dims: 1 } } as const;
    return this.add(parts, shape);
  }
}

type Composition = (steps: Steps, x: number, layer: Layer) => Step;

const last = (op: OperatorName, ...inputs: number[]): Step => ({ op, inputs });

/** Activations by the names that Keras has for them; of large values none overflows that does not in Keras. */
const ACTIVATIONS: ReadonlyMap<string, Composition> = new Map<string, Composition>([
  ['gelu', (_, x) => ({ ...last('GELU', x), options: { approximate: 0 } })],
  ['exponential', (_, x) => last('EXP', x)],
  ['log_softmax', (_, x) => last('LOG_SOFTMAX', x)],
  ['softplus', softplus],
  ['softsign', (steps, x) => last('DIV', x, steps.of('ADD', steps.of('ABS', x), steps.number(1)))],
  ['mish', (steps, x) => last('MUL', x, steps.of('TANH', steps.add(softplus(steps, x))))],
  ['selu', (steps, x) => last('MUL', steps.add(elu(steps, x, SELU.alpha)), steps.number(SELU.scale))],
  ['ELU', (steps, x, { readConfig }) => elu(steps, x, Number(readConfig['alpha'] ?? 1))],
]);

/** Of Klambauer et al. 2017. */
const SELU = { alpha: 1.6732632423543772, scale: 1.0507009873554805 } as const;

/** `log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)` */
function softplus(steps: Steps, x: number): Step {
  const power = steps.of('EXP', steps.of('NEG', steps.of('ABS', x)));
  return last('ADD', steps.of('RELU', x), steps.of('LOG', steps.of('ADD', power, steps.number(1))));
}

/** `max(x, 0) + alpha elu(min(x, 0))` */
function elu(steps: Steps, x: number, alpha: number): Step {
  const below = steps.of('ELU', steps.of('MINIMUM', x, steps.number(0)));
  return last('ADD', steps.of('RELU', x), steps.of('MUL', below, steps.number(alpha)));
}

/** Layers that nobody else needs to know, by their classes. */
const LAYERS: ReadonlyMap<string, Composition> = new Map<string, Composition>([
  ['Embedding', embedding],
  ['LayerNormalization', layerNormalization],
]);

function embedding(steps: Steps, x: number, { weights }: Layer): Step {
  const [table] = weights.values();
  if (!table) throw new TypeError('an Embedding without a table');
  return last('GATHER', steps.constant('table', table.shape, table.toFloat64()), x);
}

/** `gamma (x - mean) / sqrt(variance + epsilon) + beta` over some axes of each sample. */
function layerNormalization(steps: Steps, x: number, { readConfig, weights }: Layer): Step {
  const shape = steps.shapeOf(x);
  const axis = readConfig['axis'] ?? -1;
  const axes = (Array.isArray(axis) ? axis : [axis]).map(
    (one) => (Number(one) + shape.length) % shape.length,
  );
  const sizes = shape.map((size, at) => (axes.includes(at) ? size : 1));
  const tensors = [...weights.values()];
  const weightFor = (option: 'scale' | 'center'): number | undefined => {
    const values = readConfig[option] === false ? undefined : tensors.shift();
    return values && steps.constant(option, sizes, values.toFloat64());
  };
  const [gamma, beta] = [weightFor('scale'), weightFor('center')];
  const centred = steps.of('SUB', x, steps.mean(x, axes));
  const variance = steps.mean(steps.of('MUL', centred, centred), axes);
  const epsilon = steps.number(Number(readConfig['epsilon'] ?? 1e-3));
  const normalized = last('MUL', centred, steps.of('RSQRT', steps.of('ADD', variance, epsilon)));
  const scaled = gamma === undefined ? normalized : last('MUL', steps.add(normalized), gamma);
  return beta === undefined ? scaled : last('ADD', steps.add(scaled), beta);
}

/** Lowers an activation that has no int8 kernel; false where there is none of floats either. */
export function lowerFloatActivation(lowering: Lowering, call: GraphCall, name: string): boolean {
  return lowerSteps(lowering, call, ACTIVATIONS.get(name));
}

/** Lowers a layer of Keras that has no int8 kernel; false where there is none of floats either. */
export function lowerFloatLayer(lowering: Lowering, call: GraphCall): boolean {
  const { className, origin, readConfig } = call.layer;
  // Masks go from layer to layer in Keras, and with another option it is another normalization.
  const isOther = readConfig['mask_zero'] === true || readConfig['rms_scaling'] === true;
  const isKnown = !isCustomClass(origin?.config) && !isOther;
  return lowerSteps(lowering, call, isKnown ? LAYERS.get(className) : undefined);
}

function lowerSteps(lowering: Lowering, call: GraphCall, composition: Composition | undefined): boolean {
  if (!lowering.isFloat || !composition) return false;
  const {
    op,
    inputs,
    options = {},
  } = composition(new Steps(lowering, call), lowering.inputOf(call), call.layer);
  lowering.emit(call, {}, (output) =>
    lowering.maker.operator(op, { layer: call.path, inputs, output, options }),
  );
  return true;
}
