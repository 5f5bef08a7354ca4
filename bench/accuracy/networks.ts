/**
 * The published networks that the bench measures, which lie beside the repository.
 *
 * @module
 */

import type { Normalization } from '../../src/verification/inputs/normalization.ts';

/** Where the networks and the photographs lie. */
export const SHARED = '../shared';

/** A network as its users have it. */
export interface PublishedNetwork {
  readonly title: string;
  /** Under {@link SHARED}. */
  readonly path: string;
  readonly normalization: Normalization;
}

/** One that may take no pictures, and then has no normalization. */
export type AnyNetwork = Omit<PublishedNetwork, 'normalization'> & Partial<PublishedNetwork>;

/** The networks by the names that the command takes. */
export const NETWORKS: Readonly<Record<string, PublishedNetwork>> = {
  v1: {
    title: 'MobileNetV1 1.0/224, 1001 classes',
    path: 'models/mobilenet_v1_imagenet.h5',
    normalization: 'tf',
  },
  dogs: {
    title: 'MobileNetV2 1.0/160, 19 classes',
    path: 'models/mobilenet_v2_dogs.h5',
    normalization: 'tf',
  },
  nsfw: {
    title: 'MobileNetV2 1.0/224, 5 classes, stored in uint8',
    path: 'models/mobilenet_v2_nsfw/model.json',
    normalization: '0..1',
  },
};

/** Those of MLPerf Tiny, which are measured on integers alone. */
export const SMALL_NETWORKS: Readonly<Record<string, AnyNetwork>> = {
  resnet8: { title: 'ResNet8, 10 classes', path: 'models/resnet8_cifar10.h5', normalization: 'tf' },
  dscnn: { title: 'DS-CNN, 12 keywords, seeded inputs', path: 'models/dscnn_keywords.h5' },
};

/** The network that comes with the package. */
export const EXAMPLE = {
  title: 'The example on its 2,000 labelled images',
  model: 'examples/fashion-mobilenetv2.keras',
  images: 'examples/fashion-mobilenetv2.keras.samples.npz',
  normalization: 'tf',
  /** Of these images so many calibrate who has to, and the others are measured there. */
  calibrating: 200,
} as const;
