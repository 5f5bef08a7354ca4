/**
 * Has Keras and TF.js open what the fair wrote.
 *
 * @module
 */

import { TOLERANCE } from './inputs.mjs';
import { runForLines } from './tflite-models.mjs';

/**
 * Has each reader open what is for it, and notes in the results how far its outputs are from the original's.
 *
 * @param pythons those of the Kerases, by the names of their environments
 */
export async function openFiles(found, pythons) {
  const files = found.flatMap(({ name, files }) =>
    files.map((file) => ({ ...file, name: `${name} ${file.format}`, file })),
  );
  const readers = [
    ['keras3', pythons.get('keras3'), 'check.py'],
    ['keras2', pythons.get('keras2'), 'check.py'],
    ['tfjs', process.execPath, 'check-tfjs.mjs'],
  ];
  for (const [reader, interpreter, script] of readers) {
    const theirs = files.filter((file) => file.reader === reader && !file.refusal);
    // Classes that a page registers are there for all models behind it.
    theirs.sort((one, other) => (one.script ? 1 : 0) - (other.script ? 1 : 0));
    const job = theirs.map(({ name, path, reference, script: layers }) => {
      return { name, model: path, reference, tolerance: TOLERANCE, script: layers };
    });
    if (job.length === 0) continue;
    const lines = [];
    const ended = await runForLines(interpreter, script, { job, seen: (line) => lines.push(line) }).catch(
      (error) => error.message,
    );
    const answers = new Map(lines.flatMap(answersIn));
    for (const { name, file } of theirs)
      Object.assign(file, answers.get(name) ?? { reason: ended ?? 'no answer' });
  }
  for (const result of found) {
    for (const { format, refusal, isSame, reason } of result.files) {
      if (!refusal && !isSame) result.faults.push(`${format}: ${reason}`);
    }
  }
}

/** The name of a check, and what its line says; none of what libraries print besides. */
function answersIn(line) {
  const parts = /^(ok|FAIL) +(?:([-+.\de]+|inf|nan|Infinity) +)?(keras\d\/.+?)(?:: (.*))?$/.exec(line);
  if (!parts) return [];
  const [, verdict, off, name, error] = parts;
  const isSame = verdict === 'ok';
  return [[name, isSame ? { isSame, off: Number(off) } : { isSame, reason: error ?? `differs by ${off}` }]];
}
