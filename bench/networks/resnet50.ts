import { type Network, NetworkBuilder, type Output } from './network-builder.ts';

const EPSILON = 1.001e-5;
/** Channels inside the blocks of each stage. */
const FILTERS = [64, 128, 256, 512] as const;

/** `keras.applications.ResNet50`: 25,636,712 parameters. */
export function resnet50(): Network {
  return resnet('resnet50', [3, 4, 6, 3]);
}

/** A ResNet of the same blocks with so many in each stage. */
export function resnet(name: string, blocksOf: readonly [number, number, number, number]): Network {
  const net = new NetworkBuilder(name, [224, 224, 3]);
  let x = net.zeroPadding(net.input, 'conv1_pad', [3, 3]);
  x = net.conv(x, 'conv1_conv', 64, { kernel: 7, strides: 2, padding: 'valid', useBias: true });
  x = net.batchNorm(x, 'conv1_bn', EPSILON);
  x = net.activation(x, 'conv1_relu', 'relu');
  x = net.zeroPadding(x, 'pool1_pad', [1, 1]);
  x = net.maxPooling(x, 'pool1_pool', 3);
  for (const [index, filters] of FILTERS.entries()) {
    for (let block = 1; block <= (blocksOf[index] ?? 0); block++) {
      const strides = index > 0 && block === 1 ? 2 : 1;
      x = bottleneck(net, x, `conv${index + 2}_block${block}`, filters, strides, block === 1);
    }
  }
  x = net.globalAveragePooling(x, 'avg_pool');
  return net.build(net.dense(x, 'predictions', 1000, 'softmax'));
}

function bottleneck(
  net: NetworkBuilder,
  input: Output,
  name: string,
  filters: number,
  strides: number,
  hasConvShortcut: boolean,
): Output {
  const convBn = (from: Output, part: number, channels: number, kernel: number, stride = 1): Output => {
    const padding = kernel === 1 ? 'valid' : 'same';
    const conv = net.conv(from, `${name}_${part}_conv`, channels, {
      kernel,
      strides: stride,
      padding,
      useBias: true,
    });
    return net.batchNorm(conv, `${name}_${part}_bn`, EPSILON);
  };
  const shortcut = hasConvShortcut ? convBn(input, 0, 4 * filters, 1, strides) : input;
  let x = net.activation(convBn(input, 1, filters, 1, strides), `${name}_1_relu`, 'relu');
  x = net.activation(convBn(x, 2, filters, 3), `${name}_2_relu`, 'relu');
  x = net.layer('Add', `${name}_add`, {}, [shortcut, convBn(x, 3, 4 * filters, 1)]);
  return net.activation(x, `${name}_out`, 'relu');
}
