import type { Model } from '../../model/model.ts';
import type { Normalization } from './normalization.ts';

/** A family of networks, with the normalization that its authors use. */
export interface ModelFamily {
  readonly family: string;
  readonly normalization: Normalization;
  /** The name of a model or a layer that told. */
  readonly name: string;
}

/**
 * Names of the model, or of one nested in it, and of layers, which stay when the model is renamed. The first that fits counts:
 * Xception has layers named as VGG's, DenseNet and ResNetV2 as ResNet's.
 */
const FAMILIES: readonly (readonly [string, Normalization, model: RegExp, layer: RegExp])[] = [
  ['DenseNet', 'torch', /densenet/i, /^(conv[2-5]_block\d+_concat|pool[234]_bn)$/],
  ['Inception-ResNet', 'tf', /inception_?resnet/i, /^block35_1_mixed$/],
  ['ResNetV2', 'tf', /resnet_?\d*_?v2/i, /^conv\d_block\d+_preact_bn$/],
  ['ResNet', 'caffe', /resnet/i, /^(conv\d_block\d+_1_conv|res\d[a-f]_branch2[abc])$/],
  ['Xception', 'tf', /xception/i, /^block\d+_sepconv\d$/],
  ['VGG', 'caffe', /vgg/i, /^block5_conv3$/],
  ['Inception', 'tf', /inception/i, /^mixed10$/],
  ['NASNet', 'tf', /nasnet/i, /^normal_(conv|bn|add|A_block)/],
  [
    'MobileNet',
    'tf',
    /mobilenet/i,
    /^(conv_dw_\d+|expanded_conv_(depthwise|project)|block_\d+_depthwise|conv2d_\d+_depthwise)$/i,
  ],
  ['EfficientNet-Lite', 'tf', /efficientnet[-_]?lite/i, /^$/],
  ['EfficientNet', 'torch', /efficientnet/i, /^block\d[a-z]_dwconv$/],
];

/** The family that the names of the model, of those nested in it and of its layers tell; undefined where none does. */
export function modelFamily(model: Model): ModelFamily | undefined {
  const modelNames = [...namesOf(model)];
  const layerNames = [...model.allLayers()].map(({ layer }) => layer.name);
  for (const [family, normalization, ofModel, ofLayer] of FAMILIES) {
    const name = modelNames.find((one) => ofModel.test(one)) ?? layerNames.find((one) => ofLayer.test(one));
    if (name !== undefined) return { family, normalization, name };
  }
  return undefined;
}

function* namesOf(model: Model): Generator<string> {
  yield model.name;
  for (const layer of model.layers) if (layer.model) yield* namesOf(layer.model);
}
