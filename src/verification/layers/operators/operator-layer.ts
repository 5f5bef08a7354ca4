import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { UnsupportedModelError } from '../../../errors.ts';
import { KerasLayer } from '../keras-layer.ts';
import { type LayerConfig, type OpenShape, textIn } from '../layer-config.ts';
import type { OperatorFunction, OperatorOptions, OperatorValue } from './arguments.ts';
import { operatorFunction } from './operators.ts';

/** An operator with its arguments, as `operatorAsLayer` writes it; its inputs are the tensors among them. */
export class Operator extends KerasLayer {
  readonly #function: OperatorFunction;

  constructor(config: LayerConfig) {
    super(config);
    this.supportsMasking = false;
    this.#function = operatorFunction(textIn(config, 'operator', ''));
  }

  protected override compute(inputs: readonly Tensor[]): Tensor | Tensor[] {
    const args = (this.config['arguments'] as unknown[]).map((argument) => resolved(argument, inputs));
    const options = Object.entries(this.config['options'] as object).map(([key, argument]) => [
      key,
      resolved(argument, inputs),
    ]);
    return this.#function(args, Object.fromEntries(options) as OperatorOptions);
  }

  /**
   * What it makes of zeros in a batch of one tells. Nothing does where the inputs must not be zeros or real, as in a
   * reshape to sizes that another tensor holds; the shape is then left open, which does no harm to a layer alone.
   */
  protected override outputShapeOf(shapes: readonly OpenShape[]): OpenShape | OpenShape[] {
    let made: Tensor | Tensor[] = [];
    try {
      tf.tidy(() => {
        made = this.compute(shapes.map((shape) => tf.zeros(shape.map((size) => size ?? 1))));
      });
    } catch (error) {
      if (error instanceof UnsupportedModelError) throw error;
      return [null];
    }
    const open = ({ shape }: Tensor): OpenShape => shape.map((size, axis) => (axis === 0 ? null : size));
    return Array.isArray(made) ? (made as Tensor[]).map(open) : open(made);
  }
}

/** An argument with the tensors in their places. */
function resolved(argument: unknown, inputs: readonly Tensor[]): OperatorValue {
  const { tensor, value, list, record } = argument as Record<string, unknown>;
  if (typeof tensor === 'number') return inputs[tensor];
  if (Array.isArray(list)) return list.map((one) => resolved(one, inputs));
  if (typeof record === 'object' && record !== null) {
    return Object.fromEntries(Object.entries(record).map(([key, one]) => [key, resolved(one, inputs)]));
  }
  return value as OperatorValue;
}
