/**
 * ResNet50 as `keras.applications` lays it out, layer by layer under the same names, at any width.
 *
 * @module
 */

import type { Model } from '../../src/model/model.ts';
import { buildModel, input, type LayerSpec, layer } from './model-builder.ts';

/** `keras.applications` gives its batch norms this epsilon. */
const EPSILON = 1.001e-5;
/** Blocks of each stage. */
const BLOCKS = [3, 4, 6, 3];

/** What a small ResNet50 is made with. */
export interface ResNetOptions {
  /** Filters of the first convolution; 64 in the original. */
  readonly width: number;
  /** Height and width of the images. */
  readonly size: number;
  /** Beta of all batch norms. With gamma at 1, high-bias fold absorbs what is above 3. */
  readonly beta: number;
}

/** A ResNet50 of 177 layers and ten classes, with random weights. */
export function resnet50({ width, size, beta }: ResNetOptions): Model {
  const filters = (stage: number): number => width * 2 ** stage;
  const batchNorm = (name: string, channels: number, from: string): LayerSpec => {
    const each = (value: number): number[] => new Array<number>(channels).fill(value);
    const weights = { gamma: each(1), beta: each(beta) };
    return layer('BatchNormalization', name, { axis: [3], epsilon: EPSILON }, { from: [from], weights });
  };
  const conv = (name: string, channels: number, kernel: number, from: string, stride = 1): LayerSpec =>
    layer(
      'Conv2D',
      name,
      {
        filters: channels,
        kernel_size: kernel,
        strides: stride,
        padding: kernel === 3 ? 'same' : 'valid',
      },
      { from: [from] },
    );
  const relu = (name: string, from: string): LayerSpec =>
    layer('Activation', name, { activation: 'relu' }, { from: [from] });

  const layers: LayerSpec[] = [
    input('input_1', [size, size, 3]),
    layer('ZeroPadding2D', 'conv1_pad', { padding: 3 }),
    conv('conv1_conv', width, 7, 'conv1_pad', 2),
    batchNorm('conv1_bn', width, 'conv1_conv'),
    relu('conv1_relu', 'conv1_bn'),
    layer('ZeroPadding2D', 'pool1_pad', { padding: 1 }),
    layer('MaxPooling2D', 'pool1_pool', { pool_size: 3, strides: 2 }),
  ];
  for (const [stage, blocks] of BLOCKS.entries()) {
    const narrow = filters(stage);
    for (let index = 1; index <= blocks; index++) {
      const name = `conv${stage + 2}_block${index}`;
      const from = layers.at(-1)?.name ?? '';
      const isFirst = index === 1;
      const stride = isFirst && stage > 0 ? 2 : 1;
      layers.push(
        conv(`${name}_1_conv`, narrow, 1, from, stride),
        batchNorm(`${name}_1_bn`, narrow, `${name}_1_conv`),
        relu(`${name}_1_relu`, `${name}_1_bn`),
        conv(`${name}_2_conv`, narrow, 3, `${name}_1_relu`),
        batchNorm(`${name}_2_bn`, narrow, `${name}_2_conv`),
        relu(`${name}_2_relu`, `${name}_2_bn`),
        ...(isFirst ? [conv(`${name}_0_conv`, 4 * narrow, 1, from, stride)] : []),
        conv(`${name}_3_conv`, 4 * narrow, 1, `${name}_2_relu`),
        ...(isFirst ? [batchNorm(`${name}_0_bn`, 4 * narrow, `${name}_0_conv`)] : []),
        batchNorm(`${name}_3_bn`, 4 * narrow, `${name}_3_conv`),
        layer('Add', `${name}_add`, {}, { from: [isFirst ? `${name}_0_bn` : from, `${name}_3_bn`] }),
        relu(`${name}_out`, `${name}_add`),
      );
    }
  }
  layers.push(layer('GlobalAveragePooling2D', 'avg_pool'), layer('Dense', 'predictions', { units: 10 }));
  return buildModel(layers);
}
