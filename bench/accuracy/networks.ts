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

/** The network that comes with the package. */
export const EXAMPLE = {
  title: 'The example on its 2,000 labelled images',
  model: 'examples/fashion-mobilenetv2.keras',
  images: 'examples/fashion-mobilenetv2.keras.samples.npz',
} as const;
