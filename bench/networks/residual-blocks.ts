import { type Network, NetworkBuilder, type Output } from './network-builder.ts';

/** How large a network is that grows. */
export interface GrowthSize {
  readonly layers: number;
  readonly channels: number;
}

/** Ten sizes each: more layers, all small, and layers with more parameters. */
export const GROWING: ReadonlyMap<string, readonly GrowthSize[]> = new Map([
  [
    'layers',
    [120, 180, 270, 400, 600, 900, 1350, 2000, 3000, 4500].map((layers) => ({ layers, channels: 8 })),
  ],
  ['parameters', [16, 24, 32, 48, 64, 96, 128, 192, 256, 384].map((channels) => ({ layers: 40, channels }))],
]);

/** Layers of a block: its convolution, batch norm, ReLU, and the sum with what it read. */
const LAYERS_OF_BLOCK = 4;
const CLASSES = 10;

/** Residual blocks of convolutions (3 x 3) one after the other, all of as many channels. */
export function residualBlocks({ layers, channels }: GrowthSize): Network {
  const net = new NetworkBuilder('residual_blocks', [8, 8, 3]);
  let x: Output = net.batchNorm(net.conv(net.input, 'stem', channels, { kernel: 1 }), 'norm', 1e-3);
  for (let block = 1; block <= Math.round(layers / LAYERS_OF_BLOCK); block++) {
    let y = net.conv(x, `conv_${block}`, channels, { kernel: 3 });
    y = net.batchNorm(y, `norm_${block}`, 1e-3);
    y = net.activation(y, `relu_${block}`, 'relu');
    x = net.layer('Add', `add_${block}`, {}, [x, y]);
  }
  return net.build(net.dense(net.globalAveragePooling(x, 'pool'), 'dense', CLASSES, 'softmax'));
}
