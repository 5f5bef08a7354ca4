/**
 * The files that the bench works on, made when they are missing.
 *
 * @module
 */

import { existsSync, mkdirSync } from 'node:fs';
import { saveModel } from '../src/node.ts';
import type { BenchNetwork } from './networks/index.ts';
import { withRandomWeights } from './networks/random-weights.ts';

/** Where the files are kept; delete it to have them made anew. */
export const CACHE = '.cache/bench';

/** Endings of the formats that the bench measures. */
export type Ending = 'h5' | 'keras';

/**
 * The path of the file of a network.
 *
 * @throws Error where the network does not have the number of parameters that it should.
 */
export async function modelFile(name: string, network: BenchNetwork, ending: Ending): Promise<string> {
  const path = `${CACHE}/${name}.${ending}`;
  if (existsSync(path)) return path;
  const model = withRandomWeights(network.make());
  if (model.parameterCount !== network.parameters) {
    throw new Error(`${network.title}: ${model.parameterCount} parameters, not ${network.parameters}`);
  }
  mkdirSync(CACHE, { recursive: true });
  await saveModel(model, path);
  return path;
}
