/**
 * What has to change in a model itself, before its configuration is written in another dialect.
 *
 * @module
 */

import type { Dialect, Model } from '../../../model/model.ts';
import { divisionsAsOperations } from './keras3-divisions.ts';
import { withKeras3Names } from './keras3-names.ts';
import { operatorsAsLayers } from './replaced-operators.ts';

/**
 * `model` as it is written in `dialect`: layers for the operators of the other dialect, and names that this one takes.
 * The given model is left as it is, and is returned where it is of that dialect.
 *
 * @param warn is told, in sentences, of what differs in the file.
 */
export function modelForDialect(model: Model, dialect: Dialect, warn: (sentence: string) => void): Model {
  if (dialect === model.dialect) return model;
  const written = operatorsAsLayers(model);
  return dialect === 'keras3' ? withKeras3Names(divisionsAsOperations(written), warn) : written;
}
