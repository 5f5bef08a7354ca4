/**
 * Layers that tfjs-layers 4.22 lacks or computes otherwise than Keras, for one call of `modelFromJSON` and not for every
 * user of TF.js.
 *
 * Where the class of tfjs-layers does what Keras does, it is the one that is made: the less of a check is our own code,
 * the more it proves. Which these are was found by running all of them against Keras; see `test/verification/layers`.
 *
 * @module
 */

import * as tf from '@tensorflow/tfjs-core';
import type { layers, Sequential } from '@tensorflow/tfjs-layers';
import { AUGMENTATIONS } from '../../formats/keras-config/layer-classes.ts';
import { TFJS_LAYERS } from '../../formats/keras-config/tfjs/registered-classes.ts';
import { ownEntry } from '../../json/value.ts';
import { type ActivationFunction, isActivationOfTfjs, layerFunction } from './activation-functions.ts';
import { bidirectional, type InnerLayer } from './bidirectional-layer.ts';
import {
  Convolution,
  DepthwiseConvolution,
  SeparableConvolution,
  TransposedConvolution,
} from './convolution-layers.ts';
import { Dense, EinsumDense, LargeDense } from './dense-layers.ts';
import { croppedToMiddle, ImageLayer, resizing } from './image-layers.ts';
import { FunctionLayer, KerasLayer, type LayerFunction } from './keras-layer.ts';
import {
  flagIn,
  isChannelsFirst,
  type LayerConfig,
  numberIn,
  numbersIn,
  sizesIn,
  textIn,
} from './layer-config.ts';
import { Concatenate, Subtract } from './merge-layers.ts';
import {
  BatchNormalization,
  GroupNormalization,
  InputNormalization,
  RMSNormalization,
  unitNormalization,
} from './normalization-layers.ts';
import { Operator } from './operators/operator-layer.ts';
import { GlobalPooling, Pooling } from './pooling-layers.ts';
import { ResetAfterCell, resetAfterGru } from './reset-after-gru.ts';
import { Flatten, Margins, UpSampling } from './reshaping-layers.ts';
import { CustomScaleLayer, LayerScale, PReLU } from './scale-layers.ts';

export { operatorAsLayer } from './operators/operator-as-layer.ts';

/** How tfjs-layers makes an object of a class: the class, which is not looked at, and what makes it of a configuration. */
export type CustomObject = readonly [
  cls: typeof KerasLayer,
  fromConfig: (cls: typeof KerasLayer, config: LayerConfig) => layers.Layer,
];

/** Makes a layer of ours, or of TF.js with parts of ours. */
type Make = (config: LayerConfig) => layers.Layer;

/** Whether the class of tfjs-layers computes what Keras does for a configuration. */
type IsRight = (config: LayerConfig) => boolean;

const never: IsRight = () => false;
const hasPlainActivation: IsRight = (config) => isActivationOfTfjs(config['activation']);
const isChannelsLast: IsRight = (config) => !isChannelsFirst(config);
const dropsAxes: IsRight = (config) => !flagIn(config, 'keepdims', false);
const isUndilated: IsRight = (config) => numbersIn(config, 'dilationRate', [1]).every((rate) => rate === 1);

/** Conv1D and Conv2D. */
const isPlainConvolution: IsRight = (config) =>
  hasPlainActivation(config) &&
  isChannelsLast(config) &&
  numberIn(config, 'groups', 1) === 1 &&
  textIn(config, 'padding', 'valid') !== 'causal';

/** In three axes TF.js cuts the input where the padding should be negative and is none. */
const isPlainConvolution3D: IsRight = (config) => {
  const strides = sizesIn(config, 'strides', 3, 1);
  const isCovering = sizesIn(config, 'kernelSize', 3, 1).every((size, axis) => size >= (strides[axis] ?? 1));
  return isPlainConvolution(config) && (isCovering || textIn(config, 'padding', 'valid') !== 'same');
};

/** GRU and GRUCell. */
const resetsBefore: IsRight = (config) => !flagIn(config, 'resetAfter', false);

/** Bidirectional, as long as there are no parts of ours in it and no steps that a mask may hide. */
const isPlainBidirectional: IsRight = ({ layer, backwardLayer }) => {
  const inner = layer as InnerLayer;
  const isMirror = backwardLayer === undefined || backwardLayer === null;
  return isMirror && hasPlainCells(inner) && !flagIn(inner.config, 'returnSequences', false);
};

function hasPlainCells({ config }: InnerLayer): boolean {
  const cells = [config['cell'] ?? [], config['cells'] ?? []].flat() as InnerLayer[];
  return resetsBefore(config) && cells.every(hasPlainCells);
}

const functionLayer =
  (compute: LayerFunction): Make =>
  (config) =>
    new FunctionLayer(compute, config);

/** A layer that is an activation function. */
const activation =
  (className: string): Make =>
  (config) =>
    new FunctionLayer(layerFunction(className, config) as ActivationFunction, config);

/** Layers that do nothing in inference. */
const passThrough = functionLayer((x) => x);
/** Layers that change images in training alone; where those are whole numbers, most of them give real ones. */
const augmentation = functionLayer((x) => tf.cast(x, 'float32'));
const globalAverage: Make = (config) => new GlobalPooling('average', config);
const globalMax: Make = (config) => new GlobalPooling('max', config);

const OWN: Readonly<Record<string, readonly [make: Make, isRight: IsRight]>> = {
  Activation: [activation('Activation'), hasPlainActivation],
  ActivityRegularization: [passThrough, never],
  AveragePooling1D: [(config) => new Pooling(1, 'average', config), isChannelsLast],
  AveragePooling3D: [(config) => new Pooling(3, 'average', config), never],
  ...Object.fromEntries([...AUGMENTATIONS].map((className) => [className, [augmentation, never]])),
  BatchNormalization: [(config) => new BatchNormalization(config), never],
  Bidirectional: [
    (config) => bidirectional(config, { inner: innerLayer, ofTfjs: layerOfTfjs }),
    isPlainBidirectional,
  ],
  CenterCrop: [(config) => new ImageLayer(croppedToMiddle, config), never],
  Concatenate: [(config) => new Concatenate(config), (config) => numberIn(config, 'axis', -1) >= -1],
  Conv1D: [(config) => new Convolution(1, config), isPlainConvolution],
  Conv1DTranspose: [(config) => new TransposedConvolution(1, config), never],
  Conv2D: [(config) => new Convolution(2, config), isPlainConvolution],
  Conv2DTranspose: [
    (config) => new TransposedConvolution(2, config),
    (config) =>
      hasPlainActivation(config) &&
      isUndilated(config) &&
      numbersIn(config, 'outputPadding', []).length === 0,
  ],
  Conv3D: [(config) => new Convolution(3, config), isPlainConvolution3D],
  // The wasm backend computes it wrongly.
  Conv3DTranspose: [(config) => new TransposedConvolution(3, config), never],
  Cropping1D: [(config) => new Margins(1, 'cropping', config), never],
  Cropping3D: [(config) => new Margins(3, 'cropping', config), never],
  CustomScaleLayer: [(config) => new CustomScaleLayer(config), never],
  // As it stands in files of Keras 2, where it is a registered class.
  'Custom>CustomScaleLayer': [(config) => new CustomScaleLayer(config), never],
  Dense: [(config) => new Dense(config), hasPlainActivation],
  DepthwiseConv1D: [(config) => new DepthwiseConvolution(1, config), never],
  DepthwiseConv2D: [
    (config) => new DepthwiseConvolution(2, config),
    (config) => hasPlainActivation(config) && isUndilated(config) && isChannelsLast(config),
  ],
  EinsumDense: [(config) => new EinsumDense(config), never],
  ELU: [activation('ELU'), (config) => numberIn(config, 'alpha', 1) === 1],
  Flatten: [(config) => new Flatten(config), never],
  GlobalAveragePooling1D: [globalAverage, never],
  GlobalAveragePooling2D: [globalAverage, dropsAxes],
  GlobalAveragePooling3D: [globalAverage, never],
  GlobalMaxPooling1D: [globalMax, (config) => dropsAxes(config) && isChannelsLast(config)],
  GlobalMaxPooling2D: [globalMax, dropsAxes],
  GlobalMaxPooling3D: [globalMax, never],
  GroupNormalization: [(config) => new GroupNormalization(config), never],
  GRU: [resetAfterGru, resetsBefore],
  GRUCell: [(config) => new ResetAfterCell(config), resetsBefore],
  Identity: [passThrough, never],
  // What the runner makes of a Dense with a large kernel.
  LargeDense: [(config) => new LargeDense(config), never],
  LayerScale: [(config) => new LayerScale(config), never],
  LeakyReLU: [activation('LeakyReLU'), (config) => config['negativeSlope'] === undefined],
  MaxPooling1D: [(config) => new Pooling(1, 'max', config), isChannelsLast],
  MaxPooling3D: [(config) => new Pooling(3, 'max', config), never],
  Normalization: [(config) => new InputNormalization(config), never],
  // What `operatorAsLayer` makes.
  Operator: [(config) => new Operator(config), never],
  // The wasm backend computes it wrongly for some shared axes.
  PReLU: [(config) => new PReLU(config), never],
  ReLU: [
    activation('ReLU'),
    (config) => numberIn(config, 'negativeSlope', 0) === 0 && numberIn(config, 'threshold', 0) === 0,
  ],
  Resizing: [resizing, never],
  RMSNormalization: [(config) => new RMSNormalization(config), never],
  SeparableConv1D: [(config) => new SeparableConvolution(1, config), never],
  SeparableConv2D: [
    (config) => new SeparableConvolution(2, config),
    (config) => hasPlainActivation(config) && isChannelsLast(config),
  ],
  Softmax: [activation('Softmax'), (config) => numbersIn(config, 'axis', [-1]).join() === '-1'],
  SpatialDropout2D: [passThrough, never],
  SpatialDropout3D: [passThrough, never],
  Subtract: [(config) => new Subtract(config), never],
  UnitNormalization: [functionLayer(unitNormalization), never],
  UpSampling1D: [(config) => new UpSampling(1, config), never],
  UpSampling2D: [
    (config) => new UpSampling(2, config),
    (config) => textIn(config, 'interpolation', 'nearest') === 'nearest',
  ],
  UpSampling3D: [(config) => new UpSampling(3, config), never],
  ZeroPadding1D: [(config) => new Margins(1, 'padding', config), never],
  ZeroPadding3D: [(config) => new Margins(3, 'padding', config), never],
};

/** What makes a layer or a model, by the class names of Keras. */
const MADE: ReadonlyMap<string, CustomObject> = new Map<string, CustomObject>([
  ...Object.entries(OWN).map(([className, [make, isRight]]): [string, CustomObject] => [
    className,
    [KerasLayer, (_, config) => (isRight(config) ? layerOfTfjs(className, config) : make(config))],
  ]),
  // A model hands on the entries of its own that TF.js finds in `customObjects`, of which there are none.
  ...['Model', 'Functional'].map((className): [string, CustomObject] => [
    className,
    [KerasLayer, (_, config) => layerOfTfjs(className, { ...config, customObjects: customLayers })],
  ]),
  ['Sequential', [KerasLayer, (_, config) => sequential(config)]],
]);

/**
 * What `modelFromJSON(config, customObjects)` of tfjs-layers takes, by the class names of Keras.
 *
 * All entries are inherited, and from nothing else: TF.js copies own ones to where every other load of the page finds them,
 * and leaves them there when a layer cannot be made.
 */
export const customLayers: Readonly<Record<string, CustomObject>> = Object.create(
  Object.assign(Object.create(null), Object.fromEntries(MADE)),
);

export { isActivation } from './activation-functions.ts';
export { LargeDense } from './dense-layers.ts';

/** The classes of TF.js itself, by name, whatever is registered later. */
export const OF_TFJS: Readonly<tf.serialization.SerializationMap['classNameMap']> = {
  ...tf.serialization.SerializationMap.getMap().classNameMap,
};

/** How a layer of that class is made here, and for which configurations TF.js does so rightly; undefined for no class here. */
export function customClass(
  className: string,
): { readonly make: Make; readonly isRight: IsRight } | undefined {
  const [make, isRight] = ownEntry(OWN, className) ?? [];
  return make && isRight && { make, isRight };
}

/** Whether {@link customLayers} has the class. */
export function isCustomLayer(className: string): boolean {
  return MADE.has(className);
}

/** The classes of layers that can be run: those of tfjs-layers and those here. */
export function runnableClasses(): ReadonlySet<string> {
  return new Set([...TFJS_LAYERS, ...Object.keys(OWN)]);
}

/** A Sequential, as it stands in a TimeDistributed; TF.js would make its layers without those here. */
function sequential({ layers: entries, ...config }: LayerConfig): layers.Layer {
  const model = layerOfTfjs('Sequential', { ...config, layers: [] }) as Sequential;
  for (const entry of entries as InnerLayer[]) model.add(innerLayer(entry));
  return model;
}

function innerLayer({ className, config }: InnerLayer): layers.Layer {
  const custom = MADE.get(className);
  return custom ? custom[1](KerasLayer, config) : layerOfTfjs(className, config);
}

/** The default of a recurrent initializer is one that TF.js takes long for, or fails at. */
const IN_TRAINING = /((?<!^recurrent)Initializer|Regularizer|Constraint)$/;

/** The layer of tfjs-layers, without what has no part in inference: some of it stops TF.js from making the layer. */
function layerOfTfjs(className: string, config: LayerConfig): layers.Layer {
  const [cls, fromConfig] =
    ownEntry(OF_TFJS, className) ??
    ownEntry(tf.serialization.SerializationMap.getMap().classNameMap, className) ??
    [];
  const kept = Object.entries(config).filter(([key]) => !IN_TRAINING.test(key));
  // Wrappers take the third argument, which the type does not know.
  const make = fromConfig as ((cls: unknown, config: object, objects: object) => layers.Layer) | undefined;
  const layer = make?.(cls, Object.fromEntries(kept), customLayers) as layers.Layer;
  // Random initial weights would take longer than the run, and all weights are set; a model made of JSON alone unsets it again.
  layer.setFastWeightInitDuringBuild(true);
  layer.setFastWeightInitDuringBuild = () => {};
  return layer;
}
