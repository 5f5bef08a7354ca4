import type { Model } from '../../model/model.ts';
import type { Normalization } from './normalization.ts';

/** A family of networks, with the normalization that its authors use. */
export interface ModelFamily {
  readonly family: string;
  readonly normalization: Normalization;
  /** The name of a model or a layer that told. */
  readonly name: string;
}

/** The first that fits counts: Xception has layers named as VGG's, DenseNet and ResNetV2 as ResNet's. */
const FAMILIES: readonly {
  readonly family: string;
  readonly normalization: Normalization;
  /** Names of the model, or of one nested in it. */
  readonly model: RegExp;
  /** Names of layers, which stay when the model is renamed. */
  readonly layer: RegExp;
}[] = [
  {
    family: 'DenseNet',
    normalization: 'torch',
    model: /densenet/i,
    layer: /^(conv[2-5]_block\d+_concat|pool[234]_bn)$/,
  },
  {
    family: 'Inception-ResNet',
    normalization: 'tf',
    model: /inception_?resnet/i,
    layer: /^block35_1_mixed$/,
  },
  {
    family: 'ResNetV2',
    normalization: 'tf',
    model: /resnet_?\d*_?v2/i,
    layer: /^conv\d_block\d+_preact_bn$/,
  },
  {
    family: 'ResNet',
    normalization: 'caffe',
    model: /resnet/i,
    layer: /^(conv\d_block\d+_1_conv|res\d[a-f]_branch2[abc])$/,
  },
  { family: 'Xception', normalization: 'tf', model: /xception/i, layer: /^block\d+_sepconv\d$/ },
  { family: 'VGG', normalization: 'caffe', model: /vgg/i, layer: /^block5_conv3$/ },
  { family: 'Inception', normalization: 'tf', model: /inception/i, layer: /^mixed10$/ },
  { family: 'NASNet', normalization: 'tf', model: /nasnet/i, layer: /^normal_(conv|bn|add|A_block)/ },
  {
    family: 'MobileNet',
    normalization: 'tf',
    model: /mobilenet/i,
    layer: /^(conv_dw_\d+|expanded_conv_(depthwise|project)|block_\d+_depthwise|conv2d_\d+_depthwise)$/i,
  },
  { family: 'EfficientNet-Lite', normalization: 'tf', model: /efficientnet[-_]?lite/i, layer: /^$/ },
  {
    family: 'EfficientNet',
    normalization: 'torch',
    model: /efficientnet/i,
    layer: /^block\d[a-z]_dwconv$/,
  },
];

/** The family that the names of the model, of those nested in it and of its layers tell; undefined where none does. */
export function modelFamily(model: Model): ModelFamily | undefined {
  const modelNames = [...namesOf(model)];
  const layerNames = [...model.allLayers()].map(({ layer }) => layer.name);
  for (const { family, normalization, model: ofModel, layer: ofLayer } of FAMILIES) {
    const name = modelNames.find((one) => ofModel.test(one)) ?? layerNames.find((one) => ofLayer.test(one));
    if (name !== undefined) return { family, normalization, name };
  }
  return undefined;
}

function* namesOf(model: Model): Generator<string> {
  yield model.name;
  for (const layer of model.layers) if (layer.model) yield* namesOf(layer.model);
}
