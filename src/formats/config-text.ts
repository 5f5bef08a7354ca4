/**
 * The text that a model's configuration was read from, because only a text tells 1 from 1.0, and has long numbers in full.
 *
 * @module
 */

import { isObject } from '../json/value.ts';
import type { Model } from '../model/model.ts';
import { readAll } from './bytes.ts';
import { kerasH5Origin } from './keras-h5/origin.ts';
import { kerasV3Origin } from './keras-v3/origin.ts';
import { tfjsOrigin } from './tfjs-layers/origin.ts';

/** A text, and where in it the configuration of the model stands, key by key. */
export interface ConfigText {
  readonly text: string;
  readonly at: readonly string[];
}

/** The text that the configuration of `model` was read from; undefined where it came from no file. */
export async function configTextOf(model: Model): Promise<ConfigText | undefined> {
  const h5 = kerasH5Origin(model);
  if (h5) return { text: h5.file.strings('', 'model_config')?.[0] ?? 'null', at: [] };
  const member = kerasV3Origin(model)?.archive.get('config.json');
  if (member) return { text: new TextDecoder().decode(readAll(await member.open())), at: [] };
  const tfjs = tfjsOrigin(model);
  if (!tfjs) return undefined;
  const topology = tfjs.document['modelTopology'];
  const at =
    isObject(topology) && 'model_config' in topology ? ['modelTopology', 'model_config'] : ['modelTopology'];
  return { text: new TextDecoder().decode(readAll(tfjs.main)), at };
}
