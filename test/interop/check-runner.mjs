/**
 * Runs originals with the runner of this package and compares with what Keras made of the same inputs.
 *
 *     node test/interop/check-runner.mjs < jobs.json
 *
 * jobs.json is a list of {"name", "model", "reference", "tolerance"}. Prints a line for each, which begins with ok, FAIL, or
 * `not run` with the reason that the runner gives.
 *
 * @module
 */

import { json } from 'node:stream/consumers';
import { CannotRunError, loadModel, TfjsRunner } from '../../dist/node.js';
import { checkLine, readReference } from './references.mjs';

const runner = await TfjsRunner.create();
for (const job of await json(process.stdin)) {
  try {
    const { inputs, outputs } = await readReference(job.reference);
    console.log(checkLine(job, outputs, await runner.run(await loadModel(job.model), inputs)));
  } catch (error) {
    const kind = error instanceof CannotRunError ? 'not run ' : 'FAIL    ';
    console.log(`${kind}      ${job.name}: ${String(error.message).slice(0, 300)}`);
  }
}
