/**
 * Random models for laws: chains of convolutions and what stands between them, now and then with a shortcut, a second
 * output, or a head of Dense layers.
 *
 * @module
 */

import fc from 'fast-check';
import type { JsonObject } from '../../src/json/value.ts';
import type { Model } from '../../src/model/model.ts';
import { buildModel, input, type LayerSpec, layer } from './model-builder.ts';

/** A step of a chain; what does not fit where it stands (a stride on a tiny image) is made to fit. */
interface Step {
  readonly kind:
    | 'Conv2D'
    | 'DepthwiseConv2D'
    | 'Conv2DTranspose'
    | 'SeparableConv2D'
    | 'BatchNormalization'
    | 'ReLU'
    | 'ReLU6'
    | 'LeakyReLU'
    | 'PReLU'
    | 'sigmoid'
    | 'ZeroPadding2D'
    | 'MaxPooling2D'
    | 'shortcut';
  readonly filters: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: 'same' | 'valid';
  readonly useBias: boolean;
  readonly activation: 'linear' | 'relu' | 'relu6' | 'tanh';
  /** Groups of a convolution, multiplier of a depthwise one. */
  readonly groups: number;
  readonly scale: boolean;
  readonly center: boolean;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 5, arbitrary: fc.constant('Conv2D' as const) },
    { weight: 3, arbitrary: fc.constant('DepthwiseConv2D' as const) },
    { weight: 5, arbitrary: fc.constant('BatchNormalization' as const) },
    { weight: 4, arbitrary: fc.constantFrom('ReLU' as const, 'PReLU' as const, 'ZeroPadding2D' as const) },
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        'Conv2DTranspose' as const,
        'SeparableConv2D' as const,
        'ReLU6' as const,
        'LeakyReLU' as const,
        'sigmoid' as const,
        'MaxPooling2D' as const,
        'shortcut' as const,
      ),
    },
  ),
  filters: fc.constantFrom(2, 3, 4),
  kernel: fc.constantFrom(1, 2, 3),
  stride: fc.constantFrom(1, 1, 2),
  padding: fc.constantFrom('same', 'valid'),
  useBias: fc.boolean(),
  activation: fc.constantFrom('linear', 'linear', 'linear', 'relu', 'relu6', 'tanh'),
  groups: fc.constantFrom(1, 1, 2),
  scale: fc.boolean(),
  center: fc.boolean(),
});

const SIZE = 7;
const CHANNELS = 2;

/** Random models on images of 7 x 7 x 2, with random weights. */
export const randomChain: fc.Arbitrary<() => Model> = fc
  .record({
    steps: fc.array(step, { minLength: 2, maxLength: 9 }),
    head: fc.constantFrom('none', 'dense', 'bn-dense', 'flatten-bn-dense', 'bn-flatten-dense'),
    /** Which layer is an output besides the last, in thousandths of the chain; most often none. */
    extraOutput: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, fc.nat(999)),
    seed: fc.nat(1_000_000),
  })
  .map(({ steps, head, extraOutput, seed }) => {
    const layers = [...chainOf(steps), ...headOf(head)];
    const last = layers.at(-1)?.name ?? '';
    const extra =
      extraOutput === undefined ? undefined : layers[Math.floor((extraOutput / 1000) * layers.length)];
    const outputs = extra === undefined || extra.name === last ? [last] : [last, extra.name];
    const make = (): Model => buildModel(layers, { outputs, seed });
    // What fast-check prints of a counterexample.
    return Object.assign(make, { toString: () => JSON.stringify({ layers, outputs, seed }) });
  });

function chainOf(steps: readonly Step[]): LayerSpec[] {
  const layers: LayerSpec[] = [input('x', [SIZE, SIZE, CHANNELS])];
  let channels = CHANNELS;
  let size = SIZE;
  for (const [index, one] of steps.entries()) {
    const name = `${one.kind.toLowerCase()}_${index}`;
    const isSmall = size < 5;
    const stride = isSmall ? 1 : one.stride;
    const padding = isSmall ? 'same' : one.padding;
    const convolution: JsonObject = {
      kernel_size: one.kernel,
      strides: stride,
      padding,
      use_bias: one.useBias,
      activation: one.activation,
    };
    switch (one.kind) {
      case 'Conv2D': {
        const groups = channels % one.groups === 0 && one.filters % one.groups === 0 ? one.groups : 1;
        layers.push(layer('Conv2D', name, { ...convolution, filters: one.filters, groups }));
        channels = one.filters;
        break;
      }
      case 'SeparableConv2D':
        layers.push(
          layer(one.kind, name, { ...convolution, filters: one.filters, depth_multiplier: one.groups }),
        );
        channels = one.filters;
        break;
      case 'Conv2DTranspose':
        layers.push(layer(one.kind, name, { ...convolution, filters: one.filters }));
        channels = one.filters;
        break;
      case 'DepthwiseConv2D': {
        const depthMultiplier = channels > 4 ? 1 : one.groups;
        layers.push(layer(one.kind, name, { ...convolution, depth_multiplier: depthMultiplier }));
        channels *= depthMultiplier;
        break;
      }
      case 'BatchNormalization':
        layers.push(layer(one.kind, name, { scale: one.scale, center: one.center, epsilon: 1e-3 }));
        break;
      case 'ReLU6':
        layers.push(layer('ReLU', name, { max_value: 6 }));
        break;
      case 'PReLU':
        layers.push(layer(one.kind, name, { shared_axes: [1, 2] }));
        break;
      case 'sigmoid':
        layers.push(layer('Activation', name, { activation: 'sigmoid' }));
        break;
      case 'MaxPooling2D':
        layers.push(layer(one.kind, name, { pool_size: 2, strides: 1, padding: 'same' }));
        break;
      case 'shortcut': {
        const from = layers.at(-1)?.name ?? '';
        layers.push(layer('Conv2D', `${name}_conv`, { filters: channels, kernel_size: 1 }));
        layers.push(layer('Add', name, {}, { from: [from, `${name}_conv`] }));
        break;
      }
      case 'ZeroPadding2D':
        layers.push(
          layer(one.kind, name, {
            padding: [
              [1, 0],
              [0, 1],
            ],
          }),
        );
        break;
      case 'ReLU':
      case 'LeakyReLU':
        layers.push(layer(one.kind, name));
        break;
    }
    size = sizeBehind(one, size, stride, padding);
  }
  return layers;
}

function sizeBehind({ kind, kernel }: Step, size: number, stride: number, padding: string): number {
  switch (kind) {
    case 'Conv2D':
    case 'DepthwiseConv2D':
    case 'SeparableConv2D':
      return Math.ceil((padding === 'same' ? size : size - kernel + 1) / stride);
    case 'Conv2DTranspose':
      return padding === 'same' ? size * stride : size * stride + Math.max(kernel - stride, 0);
    case 'ZeroPadding2D':
      return size + 1;
    default:
      return size;
  }
}

function headOf(head: string): LayerSpec[] {
  const dense = layer('Dense', 'dense', { units: 3 });
  const bn = layer('BatchNormalization', 'head_bn');
  switch (head) {
    case 'dense':
      return [layer('GlobalAveragePooling2D', 'pool'), dense, bn, layer('Dense', 'logits', { units: 2 })];
    case 'bn-dense':
      return [layer('GlobalAveragePooling2D', 'pool'), bn, dense];
    case 'flatten-bn-dense':
      return [layer('Flatten', 'flatten'), bn, dense];
    case 'bn-flatten-dense':
      return [bn, layer('Flatten', 'flatten'), dense];
    default:
      return [];
  }
}
