/**
 * What the model, its plain 8-bit twin and the equalized one's make of the same pictures.
 *
 * @module
 */

import { type Model, TfjsRunner, UnsupportedModelError } from 'crosslayer';
import { fakeQuantize, type GraphTensor, parseQuantizer } from 'crosslayer/quantization';
import { gridOf, plainModel } from 'crosslayer/report';
import {
  accuracyOf,
  compareRuns,
  inputRangesOn,
  type ModelRun,
  type ModelRunner,
  recordOnGrids,
  recordRun,
} from 'crosslayer/verification';
import type { Comparison, Operations } from '../../protocol.ts';
import type { Equalized } from '../equalize/equalized.ts';
import type { Opened } from '../open/opened.ts';
import { pageFolder } from '../page-folder.ts';
import type { Progress } from '../progress.ts';
import { pictureSamples } from './picture-samples.ts';
import { classOutput, topClasses } from './top-classes.ts';

/** Runs the three models and compares what they find. */
export async function comparePredictions(
  opened: Opened,
  equalized: Equalized,
  asked: Operations['compare']['asked'],
  progress: Progress,
): Promise<Comparison> {
  const samples = await pictureSamples(opened, asked, progress);
  const { model } = opened;
  const { target, report } = equalized.told;
  const weights = parseQuantizer(gridOf(target));
  progress('Getting ready to run the models');
  const runner = await TfjsRunner.create({ wasmPaths: `${pageFolder()}wasm/` });
  const inputs = [samples.tensor];
  const watched = (name: string, part: number): ModelRunner =>
    watchedRunner(runner, samples.names.length, (done) => progress(`Running ${name}`, (part + done) / 3));
  const run = (name: string, part: number, one: Model): Promise<ModelRun> =>
    recordRun(one, { runner: watched(name, part), inputs });
  /** As it will run: with tensors of 8 bits too, where the target has them. */
  const runQuantized = async (name: string, part: number, one: Model): Promise<ModelRun> => {
    if (!report.activations) return run(name, part, fakeQuantize(one, weights));
    const grids = { weights, activations: report.activations };
    const ranges = {
      ranges: 'statistics',
      inputRanges: inputRangesOn(model, inputs, asked.normalization),
    } as const;
    return (await recordOnGrids(one, { runner: watched(name, part), inputs, grids, ...ranges })).run;
  };
  const float = await run('the model as it is', 0, model);
  const output = classOutput(float);
  if (output === undefined) {
    throw new UnsupportedModelError(
      'classes',
      `${opened.told.name}: no output looks like classes to compare`,
    );
  }
  const plain = await runQuantized('its plain 8-bit form', 1, plainModel(model, target));
  const after = await runQuantized('its equalized 8-bit form', 2, equalized.model);
  const [tops, plainTops, equalizedTops] = [float, plain, after].map((one) => topClasses(one, output));
  return {
    inputs: samples.description,
    normalization: samples.normalization,
    rows: samples.names.map((name, index) => ({
      name,
      label: samples.labels?.[index] ?? null,
      float: tops?.[index] ?? [],
      plain: plainTops?.[index] ?? [],
      equalized: equalizedTops?.[index] ?? [],
    })),
    plain: against(float, plain, output, samples.labels),
    equalized: against(float, after, output, samples.labels),
    accuracy: accuracy(float, samples.labels),
  };
}

function against(
  reference: ModelRun,
  run: ModelRun,
  output: number,
  labels: Int32Array | undefined,
): Comparison['plain'] {
  // Quantized weights change the function: whether it is the same is not the question.
  const compared = compareRuns(reference, run, { rtol: 0, atol: 0 });
  const { top1Agreement, sqnrDb } = compared.outputs[output] ?? { top1Agreement: null, sqnrDb: NaN };
  return { agreement: top1Agreement ?? NaN, sqnrDb, accuracy: accuracy(run, labels) };
}

function accuracy(run: ModelRun, labels: Int32Array | undefined): number | null {
  return labels ? (accuracyOf(run, labels)?.accuracy ?? null) : null;
}

/** A runner that tells how much of the samples has gone in. */
function watchedRunner(runner: ModelRunner, samples: number, tell: (done: number) => void): ModelRunner {
  return {
    run(model, inputs, options = {}) {
      const { wantsTensor = () => true, onTensor } = options;
      const isWanted = (tensor: GraphTensor): boolean => onTensor !== undefined && wantsTensor(tensor);
      let seen = 0;
      return runner.run(model, inputs, {
        ...options,
        wantsTensor: (tensor) => tensor.isModelInput || isWanted(tensor),
        onTensor(tensor, values) {
          if (tensor.isModelInput) {
            tell(seen / samples);
            seen += values.shape[0] ?? 0;
          }
          return isWanted(tensor) ? onTensor?.(tensor, values) : undefined;
        },
      });
    },
  };
}
