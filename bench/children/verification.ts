/**
 * Measures verifying a network on one backend; prints {@link VerificationTime} as JSON.
 *
 * Arguments: a network of {@link NETWORKS}, the backend, how often.
 *
 * @module
 */

import { referencePasses } from '../../src/primitives/equalize-model.ts';
import { runPasses } from '../../src/primitives/pass.ts';
import { verify } from '../../src/verification/comparing/verify.ts';
import { seededInputs } from '../../src/verification/inputs/seeded-inputs.ts';
import { TfjsRunner } from '../../src/verification/run/runner.ts';
import { NETWORKS } from '../networks/index.ts';
import { inMemory, withRandomWeights } from '../networks/random-weights.ts';

/** What verifying on four seeded inputs took. */
export interface VerificationTime {
  /** The shortest of the rounds, in seconds: both models run, and their outputs compared. */
  readonly seconds: number;
  /** Starting TF.js and its backend, in seconds. */
  readonly start: number;
  /** The largest difference of an output, as a part of its largest value. */
  readonly maxRelative: number;
}

const [name = '', backend, rounds = '1'] = process.argv.slice(2);
const network = NETWORKS[name];
if (!network || (backend !== 'wasm' && backend !== 'cpu')) throw new RangeError(`${name} on ${backend}`);
const original = inMemory(withRandomWeights(network.make()))();
const candidate = original.clone();
await runPasses(candidate, referencePasses(['fold', 'scale']));
const inputs = seededInputs(original, { samples: 4 });

const beforeStart = performance.now();
const runner = await TfjsRunner.create({ backend });
const start = (performance.now() - beforeStart) / 1000;
let seconds = Infinity;
let maxRelative = 0;
for (let round = 0; round < Number(rounds); round++) {
  const before = performance.now();
  const report = await verify(original, candidate, { runner, inputs });
  seconds = Math.min(seconds, (performance.now() - before) / 1000);
  if (report.verdict !== 'same') throw new Error(`${name}: ${report.verdict}: ${report.reason}`);
  maxRelative = Math.max(...report.outputs.map((output) => output.maxRelative));
}
const result: VerificationTime = { seconds, start, maxRelative };
console.log(JSON.stringify(result));
