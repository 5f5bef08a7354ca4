/**
 * A nested model that is called with `training=True`, as Keras writes it: `body` with c1, bn1, relu, drop, c2 and bn2, which
 * is frozen.
 *
 * @module
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonObject } from '../../src/json/value.ts';
import type { Model } from '../../src/model/model.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { modelOf } from './model-builder.ts';

/** Versions of Keras that it was made with. */
export const TRAINING_VERSIONS = ['keras-3.15.1', 'tfkeras-2.15.0'] as const;

/** With a NaN in the moving variance of bn1, as batches of one leave it. */
export function trainingModel(version: (typeof TRAINING_VERSIONS)[number]): Model {
  const path = join(import.meta.dirname, `../fixtures/configs/training-${version}.json`);
  const model = modelOf(JSON.parse(readFileSync(path, 'utf8')) as JsonObject);
  model
    .layer('body/bn1')
    .setWeight('movingVariance', Tensor.fromNumbers('float32', [3], Float64Array.of(1, NaN, 2)));
  return model;
}
