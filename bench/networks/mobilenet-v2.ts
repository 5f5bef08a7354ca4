import { type Network, NetworkBuilder, type Output } from './network-builder.ts';

const EPSILON = 1e-3;
/** Expansion, channels behind the block, number of blocks, strides of the first. */
const STAGES = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/** `keras.applications.MobileNetV2` of width 1: 3,538,984 parameters. */
export function mobilenetV2(): Network {
  const net = new NetworkBuilder('mobilenetv2_1.00_224', [224, 224, 3]);
  let x = net.conv(net.input, 'Conv1', 32, { kernel: 3, strides: 2 });
  x = relu6(net, net.batchNorm(x, 'bn_Conv1', EPSILON), 'Conv1_relu');
  let id = 0;
  for (const [expansion, channels, blocks, firstStrides] of STAGES) {
    for (let block = 0; block < blocks; block++) {
      const prefix = id === 0 ? 'expanded_conv' : `block_${id}`;
      x = invertedResidual(net, x, prefix, expansion, channels, block === 0 ? firstStrides : 1);
      id++;
    }
  }
  x = net.conv(x, 'Conv_1', 1280, { kernel: 1, padding: 'valid' });
  x = relu6(net, net.batchNorm(x, 'Conv_1_bn', EPSILON), 'out_relu');
  x = net.globalAveragePooling(x, 'global_average_pooling2d');
  return net.build(net.dense(x, 'predictions', 1000, 'softmax'));
}

function invertedResidual(
  net: NetworkBuilder,
  input: Output,
  prefix: string,
  expansion: number,
  channels: number,
  strides: number,
): Output {
  let x = input;
  if (expansion !== 1) {
    x = net.conv(x, `${prefix}_expand`, expansion * input.channels, { kernel: 1 });
    x = relu6(net, net.batchNorm(x, `${prefix}_expand_BN`, EPSILON), `${prefix}_expand_relu`);
  }
  // Keras pads maps of even size at the end alone.
  if (strides === 2) x = net.zeroPadding(x, `${prefix}_pad`, [0, 1]);
  const padding = strides === 2 ? 'valid' : 'same';
  x = net.depthwiseConv(x, `${prefix}_depthwise`, { kernel: 3, strides, padding });
  x = relu6(net, net.batchNorm(x, `${prefix}_depthwise_BN`, EPSILON), `${prefix}_depthwise_relu`);
  x = net.conv(x, `${prefix}_project`, channels, { kernel: 1 });
  x = net.batchNorm(x, `${prefix}_project_BN`, EPSILON);
  const isResidual = strides === 1 && input.channels === channels;
  return isResidual ? net.layer('Add', `${prefix}_add`, {}, [input, x]) : x;
}

function relu6(net: NetworkBuilder, from: Output, name: string): Output {
  return net.layer('ReLU', name, { max_value: 6, negative_slope: 0, threshold: 0 }, [from]);
}
