import { type Network, NetworkBuilder, type Output } from './network-builder.ts';

const EPSILON = 1e-3;
/** Kernel, number of blocks, channels behind the block, expansion, strides of the first. */
const STAGES = [
  [3, 1, 16, 1, 1],
  [3, 2, 24, 6, 2],
  [5, 2, 40, 6, 2],
  [3, 3, 80, 6, 2],
  [5, 3, 112, 6, 1],
  [5, 4, 192, 6, 2],
  [3, 1, 320, 6, 1],
] as const;
const DROP_CONNECT_RATE = 0.2;

/** `keras.applications.EfficientNetB0`: 5,330,571 parameters. */
export function efficientnetB0(): Network {
  const net = new NetworkBuilder('efficientnetb0', [224, 224, 3]);
  let x = net.layer('Rescaling', 'rescaling', { scale: 1 / 255, offset: 0 }, [net.input]);
  const statistics = { mean: [3], variance: [3], count: [] };
  x = net.layer('Normalization', 'normalization', { axis: [3] }, [x], 3, statistics);
  x = net.zeroPadding(x, 'stem_conv_pad', [0, 1]);
  x = net.conv(x, 'stem_conv', 32, { kernel: 3, strides: 2, padding: 'valid' });
  x = net.activation(net.batchNorm(x, 'stem_bn', EPSILON), 'stem_activation', 'swish');
  const total = STAGES.reduce((sum, [, blocks]) => sum + blocks, 0);
  let id = 0;
  for (const [index, [kernel, blocks, channels, expansion, firstStrides]] of STAGES.entries()) {
    for (let block = 0; block < blocks; block++) {
      const prefix = `block${index + 1}${String.fromCharCode(97 + block)}_`;
      const strides = block === 0 ? firstStrides : 1;
      const dropRate = (DROP_CONNECT_RATE * id++) / total;
      x = mbConv(net, x, prefix, { kernel, channels, expansion, strides, dropRate });
    }
  }
  x = net.conv(x, 'top_conv', 1280, { kernel: 1 });
  x = net.activation(net.batchNorm(x, 'top_bn', EPSILON), 'top_activation', 'swish');
  x = net.globalAveragePooling(x, 'avg_pool');
  x = net.layer('Dropout', 'top_dropout', { rate: 0.2 }, [x]);
  return net.build(net.dense(x, 'predictions', 1000, 'softmax'));
}

interface BlockOptions {
  readonly kernel: number;
  readonly channels: number;
  readonly expansion: number;
  readonly strides: number;
  readonly dropRate: number;
}

function mbConv(net: NetworkBuilder, input: Output, prefix: string, options: BlockOptions): Output {
  const { kernel, channels, expansion, strides, dropRate } = options;
  let x = input;
  if (expansion !== 1) {
    x = net.conv(x, `${prefix}expand_conv`, expansion * input.channels, { kernel: 1 });
    x = net.batchNorm(x, `${prefix}expand_bn`, EPSILON);
    x = net.activation(x, `${prefix}expand_activation`, 'swish');
  }
  // Keras pads maps of even size by one less in front.
  const side = Math.floor(kernel / 2);
  if (strides === 2) x = net.zeroPadding(x, `${prefix}dwconv_pad`, [side - 1, side]);
  const padding = strides === 2 ? 'valid' : 'same';
  x = net.depthwiseConv(x, `${prefix}dwconv`, { kernel, strides, padding });
  x = net.activation(net.batchNorm(x, `${prefix}bn`, EPSILON), `${prefix}activation`, 'swish');
  x = squeezeExcite(net, x, prefix, Math.max(1, Math.floor(input.channels / 4)));
  x = net.conv(x, `${prefix}project_conv`, channels, { kernel: 1 });
  x = net.batchNorm(x, `${prefix}project_bn`, EPSILON);
  if (strides !== 1 || input.channels !== channels) return x;
  if (dropRate > 0) {
    x = net.layer('Dropout', `${prefix}drop`, { rate: dropRate, noise_shape: [null, 1, 1, 1] }, [x]);
  }
  return net.layer('Add', `${prefix}add`, {}, [x, input]);
}

function squeezeExcite(net: NetworkBuilder, input: Output, prefix: string, reduced: number): Output {
  let x = net.globalAveragePooling(input, `${prefix}se_squeeze`);
  x = net.layer('Reshape', `${prefix}se_reshape`, { target_shape: [1, 1, input.channels] }, [x]);
  x = net.conv(x, `${prefix}se_reduce`, reduced, { kernel: 1, useBias: true, activation: 'swish' });
  x = net.conv(x, `${prefix}se_expand`, input.channels, { kernel: 1, useBias: true, activation: 'sigmoid' });
  return net.layer('Multiply', `${prefix}se_excite`, {}, [input, x]);
}
