/**
 * From a Keras file to a TF.js model of 8 bits, with proof on labelled images.
 *
 *     npm run build
 *     node examples/web-model.mjs examples/fashion-mobilenetv2.keras web-model
 */

import { quantize, TfjsRunner } from 'crosslayer';
import { closeModel, loadInputs, loadModel, saveModel } from 'crosslayer/node';
import { evaluateModel } from 'crosslayer/report';
import { sqnrJudge } from 'crosslayer/verification';

/**
 * @param {string} input
 * @param {string} output
 */
export async function main(input, output, samples = 2000) {
  const model = await loadModel(input);
  const images = `${input}.samples.npz`;
  const runner = await TfjsRunner.create();

  // Settings are chosen by a few of the images, and means are measured on them instead of taken from batch norms
  const few = await loadInputs(model, [images], { samples: Math.min(samples, 200) });
  const given = { runner, inputs: few.tensors };
  const judge = await sqnrJudge(model, given);
  const { model: packed, report } = await quantize(model, { samples: given, judge });
  for (const { rounding, sqnrDb } of report.trials) console.log(`${rounding}: ${sqnrDb.toFixed(1)} dB`);

  const { dropped, warnings } = await saveModel(packed, output, { format: 'tfjs-layers', force: true });
  for (const sentence of [...dropped, ...warnings]) console.log(sentence);

  // What was written is what is run
  const written = await loadModel(output);
  const { tensors: inputs, labels } = await loadInputs(model, [images], { samples });
  const { models } = await evaluateModel(written, {
    runner,
    inputs,
    labels,
    original: model,
    quantizers: [],
  });
  for (const { model: which, outputs, accuracy } of models) {
    const [{ sqnrDb, top1Agreement } = { sqnrDb: Infinity, top1Agreement: 1 }] = outputs;
    const share = (/** @type {number | null} */ part) => `${(100 * (part ?? Number.NaN)).toFixed(2)} %`;
    const name = which === 'original' ? 'original' : output;
    console.log(
      `${name}: accuracy ${share(accuracy)}, same class ${share(top1Agreement)}, SQNR ${sqnrDb.toFixed(1)} dB`,
    );
  }
  closeModel(written);
  closeModel(model);
}

if (process.argv[1] === import.meta.filename) {
  const [input, output] = process.argv.slice(2);
  if (input === undefined || output === undefined) {
    console.error('usage: node examples/web-model.mjs IN OUT');
    process.exitCode = 2;
  } else {
    await main(input, output);
  }
}
