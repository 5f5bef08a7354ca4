/**
 * What TensorFlow's converter makes of the example, equalized and not, in integers alone.
 *
 * @module
 */

import { join } from 'node:path';
import { measure, NETWORKS, writeRecipes } from './tflite-models.mjs';

/** Begins the name of every check. */
export const TFLITE = 'tflite/fashion-mobilenetv2.keras';

/** The default for integers of one range a kernel. */
const READY = 'int8-per-tensor-symmetric';

/** How far below the float original its accuracy may be. With other representative images single numbers move by half a point. */
const MARGIN = 0.01;

/** Each is a minimum more. */
const OPERATORS_A_CAP = 1;
const CAPS = 35;

/**
 * Converts two models per tensor; calls `pass` or `fail` with a line for each check.
 *
 * @returns how many checks there are
 */
export async function checkTflite(interpreter, work, { pass, fail }) {
  const network = NETWORKS.example;
  const models = await writeRecipes(network, ['plain', READY], join(work, 'tflite'));
  const job = {
    ...{ original: network.path, ...network.images },
    models: models.map((model) => ({ ...model, perChannel: [false] })),
  };
  const results = new Map();
  await measure(interpreter, job, (result) => results.set(result.name, result));
  const report = (isRight, line) => (isRight ? pass : fail)(`${TFLITE} ${line}`);
  for (const { name } of models) {
    const { notInteger, perChannel } = results.get(name);
    report(
      notInteger + perChannel === 0,
      `${name}: ${notInteger} tensors in float, ${perChannel} per channel`,
    );
  }
  const [original, plain, ready] = ['original', 'plain', READY].map((name) => results.get(name));
  const { accuracy } = ready.integer;
  const ours = `${READY}: ${percent(accuracy)}`;
  report(accuracy >= plain.integer.accuracy, `${ours}, plain ${percent(plain.integer.accuracy)}`);
  report(
    accuracy >= original.float.accuracy - MARGIN,
    `${ours}, in float the original has ${percent(original.float.accuracy)}`,
  );
  const more = count(ready) - count(plain);
  report(
    more === OPERATORS_A_CAP * CAPS,
    `${READY}: ${more} operators more, ${OPERATORS_A_CAP} for each of ${CAPS} caps`,
  );
}

function count({ operators }) {
  return Object.values(operators).reduce((sum, number) => sum + number, 0);
}

function percent(share) {
  return `${(100 * share).toFixed(2)} %`;
}
