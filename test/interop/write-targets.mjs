/**
 * Equalizes models for targets and writes them; all in one process, which is much faster than a command for each.
 *
 *     node test/interop/write-targets.mjs < jobs.json
 *
 * jobs.json is a list of {"name", "path", "options", "output", "dialect"}: `options` are those of `equalize`, and one without
 * `dialect` is written for TF.js. Prints a line that begins with FAIL for each that cannot be written.
 *
 * @module
 */

import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { json } from 'node:stream/consumers';
import { closeModel, equalize, loadModel, saveModel } from '../../dist/node.js';

const jobs = await json(process.stdin);
for (const path of new Set(jobs.map((job) => job.path))) {
  const original = await loadModel(path);
  const ofModel = jobs.filter((job) => job.path === path);
  for (const options of new Set(ofModel.map((job) => JSON.stringify(job.options)))) {
    const equalized = await equalize(original, JSON.parse(options)).catch((error) => ({ error }));
    for (const job of ofModel.filter((one) => JSON.stringify(one.options) === options)) {
      try {
        if (equalized.error) throw equalized.error;
        mkdirSync(dirname(job.output), { recursive: true });
        await saveModel(equalized.model, job.output, job.dialect ? { dialect: job.dialect } : {});
      } catch (error) {
        console.log(`FAIL          ${job.name}: ${String(error.message).slice(0, 300)}`);
      }
    }
  }
  closeModel(original);
}
