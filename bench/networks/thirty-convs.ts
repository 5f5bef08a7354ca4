import { type Network, NetworkBuilder, type Output } from './network-builder.ts';

const CONVOLUTIONS = 30;
/** 30 kernels of 3 x 3 x 1140 x 1140 float32 are 1.40 GB. */
const CHANNELS = 1140;

/** A chain of 30 equal convolutions with ReLUs: 350,926,200 parameters, a model larger than it may take in memory. */
export function thirtyConvs(): Network {
  const net = new NetworkBuilder('thirty_convs', [8, 8, CHANNELS]);
  let x: Output = net.input;
  for (let index = 1; index <= CONVOLUTIONS; index++) {
    x = net.conv(x, `conv_${index}`, CHANNELS, { kernel: 3, useBias: true, activation: 'relu' });
  }
  return net.build(x);
}
