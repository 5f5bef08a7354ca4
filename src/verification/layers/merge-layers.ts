import type { Tensor } from '@tensorflow/tfjs-core';
import * as tf from '@tensorflow/tfjs-core';
import { largestOf } from '../../tensor/extremes.ts';
import { KerasLayer } from './keras-layer.ts';
import { fromFront, numberIn, type OpenShape } from './layer-config.ts';

/** Keras' Subtract; tensors of fewer dimensions get new ones behind the batch. */
export class Subtract extends KerasLayer {
  protected override compute(inputs: readonly Tensor[]): Tensor {
    const rank = largestOf(inputs.map((input) => input.rank));
    const [one, other] = inputs.map(({ shape }, index) => {
      const [batch = 1, ...sizes] = shape;
      const ones = Array<number>(rank - shape.length).fill(1);
      return tf.reshape(inputs[index] as Tensor, [batch, ...ones, ...sizes]);
    });
    return tf.sub(one as Tensor, other as Tensor);
  }

  protected override outputShapeOf([one = [], other = []]: readonly OpenShape[]): OpenShape {
    const [long, short] = one.length < other.length ? [other, one] : [one, other];
    const offset = long.length - short.length;
    return long.map((size, axis) => {
      const against = axis <= offset ? 1 : (short[axis - offset] ?? null);
      return axis > 0 && size === 1 ? against : size;
    });
  }
}

/** Keras' Concatenate; that of tfjs-layers takes no negative axis but -1. */
export class Concatenate extends KerasLayer {
  protected override compute(inputs: readonly Tensor[]): Tensor {
    return tf.concat([...inputs], fromFront(numberIn(this.config, 'axis', -1), inputs[0]?.rank ?? 0));
  }

  protected override outputShapeOf(shapes: readonly OpenShape[]): OpenShape {
    const [first = []] = shapes;
    const along = fromFront(numberIn(this.config, 'axis', -1), first.length);
    return first.map((size, axis) => {
      if (axis !== along) return size;
      return shapes.reduce<number | null>((sum, shape) => {
        const part = shape[axis] ?? null;
        return sum === null || part === null ? null : sum + part;
      }, 0);
    });
  }
}
