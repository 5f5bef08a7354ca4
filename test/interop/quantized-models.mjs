/**
 * What `quantize -o model.tflite` is tried on, and how good the files have to be.
 *
 * @module
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { NETWORKS } from './tflite-models.mjs';

const ROOT = new URL('../../', import.meta.url).pathname;
const SHARED = join(ROOT, '..', 'shared');
/** As MobileNets take them; each is `pixels / divisor + offset`. */
const PHOTOGRAPHS = { photographs: join(SHARED, 'photos'), divisor: 127.5, offset: -1 };
const NORMAL = { mean: 0, deviation: 1 };
const EXAMPLE = NETWORKS.example;

/** Weights and type of the ends. */
const CHANNELS = ['per-channel', 'int8'];
const KERNELS = ['per-tensor', 'int8'];

/** Of the operators of tflite_operators.py those that Vela leaves to the CPU, with what begins its reason. */
const NOT_ON_NPU = [
  ['CONV_2D', 'conv_same_strides_4', 'Unsupported kernel stride: 4, 4'],
  ['DEPTHWISE_CONV_2D', 'depthwise_strides_4', 'Unsupported kernel stride: 4, 4'],
  ['TRANSPOSE_CONV', 'transposed_strides_3', 'stride out of range: (3,3)'],
  ['TRANSPOSE_CONV', 'transposed_output_padding', '(Padding::VALID) Unsupported IFM/OFM shapes'],
  ['AVERAGE_POOL_2D', 'average_pool_of_9', 'kernel width: 9 out of range'],
  ['RESIZE_NEAREST_NEIGHBOR', 'nearest_3', 'Scaling matches and operation has unsupported scale-factor=3'],
  ['RESIZE_NEAREST_NEIGHBOR', 'nearest_2_4', 'HW scale-factor is not equal'],
  ['RESIZE_BILINEAR', 'bilinear_4', 'Scaling matches and operation has unsupported scale-factor=4'],
  ['MEAN', 'mean_of_channels', 'Unsupported depth-reduction'],
];

/**
 * Each with the Keras that opens it, its inputs, and the files to write of it, those behind `more` in the whole run alone.
 * - `least` has the least SQNR of an output in dB, the least share of samples with the same top-1 and the least accuracy. What was
 *   seen is better by some margin, for other roundings.
 * - `steps` says how far codes of the built-in kernels and of XNNPACK may be apart: one an operator. Deep networks have no such
 *   bound, as a code in the first layer grows; there both are held to `least`.
 * - `measured`: ranges are those on these inputs.
 */
const MODELS = [
  {
    name: 'fashion-mobilenetv2.keras',
    path: EXAMPLE.path,
    inputs: EXAMPLE.images,
    files: [CHANNELS, KERNELS],
    more: [
      ['per-channel', 'float32'],
      ['per-tensor', 'uint8'],
    ],
    least: { sqnr: 24, top1: 0.98, accuracy: 0.917 },
  },
  {
    name: 'operators',
    inputs: NORMAL,
    measured: true,
    steps: 2,
    files: [CHANNELS],
    more: [KERNELS],
    least: { sqnr: 20 },
    notOnNpu: NOT_ON_NPU,
  },
  fixture('functional', { files: [CHANNELS, ['per-tensor', 'uint8'], ['per-channel', 'float32']] }),
  fixture('multi', { ports: 2, files: [CHANNELS], more: [KERNELS] }),
  fixture('nested', { files: [], more: [CHANNELS, KERNELS] }),
  fixture('capped', { files: [], more: [CHANNELS, KERNELS] }),
  network('mobilenet_v1_imagenet.h5', PHOTOGRAPHS, { sqnr: 17, top1: 0.85 }),
  network('mobilenet_v2_dogs.h5', PHOTOGRAPHS, { sqnr: 15, top1: 0.8 }),
  network('mobilenet_v1_person.h5', { ...PHOTOGRAPHS, divisor: 1, offset: 0 }, { sqnr: 28, top1: 0.95 }),
  network('mobilenet_v2_nsfw', { ...PHOTOGRAPHS, divisor: 255, offset: 0 }, { sqnr: 23, top1: 0.95 }),
  network('mini_xception_emotion.hdf5', PHOTOGRAPHS, { sqnr: 17, top1: 0.85 }),
  network('resnet8_cifar10.h5', PHOTOGRAPHS, { sqnr: 15, top1: 0.83 }),
  // Made-up inputs are not those that its statistics tell of.
  network('dscnn_keywords.h5', { mean: 74, deviation: 44 }, { sqnr: 5, top1: 0.7 }),
];

function fixture(name, rest) {
  const file = `keras-3.15.1/${name}.keras`;
  const path = join(ROOT, 'test', 'fixtures', 'formats', file);
  return { name: file, path, inputs: NORMAL, measured: true, steps: 2, least: { sqnr: 22 }, ...rest };
}

function network(name, inputs, least) {
  const path = join(SHARED, 'models', name);
  return { name, path, keras: 'keras2', inputs, least, files: [], more: [CHANNELS, KERNELS] };
}

/** The models that are wanted, with what is written of each, and what is left out, which is said. */
export function quantizedModels(folder, { isSelection, isChosen }) {
  const wanted = MODELS.map(({ path, ...model }) => ({
    ...{ keras: 'keras3', measured: false, ports: 1, notOnNpu: [], ...model },
    path: path ?? join(folder, `${model.name}.keras`),
    isMade: path === undefined,
    files: isSelection ? model.files : [...model.files, ...(model.more ?? [])],
  })).filter((model) => isChosen(model) && model.files.length > 0);
  const models = wanted.filter(({ path, isMade }) => isMade || existsSync(path));
  return { models, leftOut: wanted.filter((model) => !models.includes(model)).map(({ name }) => name) };
}
