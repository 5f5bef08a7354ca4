import { type Network, NetworkBuilder, type Output } from './network-builder.ts';

/** Filters of a block, and the number of its convolutions. */
const BLOCKS = [
  [64, 2],
  [128, 2],
  [256, 3],
  [512, 3],
  [512, 3],
] as const;
/** Positions of the last map, 7 by 7. */
const POSITIONS = 49;

/** `keras.applications.VGG16`: 138,357,544 parameters. */
export function vgg16(): Network {
  const net = new NetworkBuilder('vgg16', [224, 224, 3]);
  let x: Output = net.input;
  for (const [index, [filters, convolutions]] of BLOCKS.entries()) {
    const block = `block${index + 1}`;
    for (let conv = 1; conv <= convolutions; conv++) {
      x = net.conv(x, `${block}_conv${conv}`, filters, { kernel: 3, useBias: true, activation: 'relu' });
    }
    x = net.maxPooling(x, `${block}_pool`, 2);
  }
  const config = { data_format: 'channels_last' };
  x = net.layer('Flatten', 'flatten', config, [x], POSITIONS * x.channels);
  x = net.dense(x, 'fc1', 4096, 'relu');
  x = net.dense(x, 'fc2', 4096, 'relu');
  return net.build(net.dense(x, 'predictions', 1000, 'softmax'));
}
