/**
 * What the model, its plain 8-bit twin and the equalized one's make of the same pictures.
 *
 * @module
 */

import { type Model, Tensor, TfjsRunner, UnsupportedModelError } from 'crosslayer';
import { fakeQuantize, type GraphTensor, parseQuantizer } from 'crosslayer/quantization';
import { count, gridOf, plainModel } from 'crosslayer/report';
import {
  accuracyOf,
  compareRuns,
  describeNormalization,
  fitArray,
  guessNormalization,
  inputRangesOn,
  type ModelInput,
  type ModelRun,
  type ModelRunner,
  type Normalization,
  recordOnGrids,
  recordRun,
} from 'crosslayer/verification';
import type { Comparison, Operations } from '../../protocol.ts';
import type { Equalized } from '../equalize/equalized.ts';
import type { Opened } from '../open/opened.ts';
import { pictureInput, picturesOf } from '../open/pictures-of.ts';
import { pageFolder } from '../page-folder.ts';
import type { Progress } from '../progress.ts';
import { decodePictures } from './decode-pictures.ts';
import { classOutput, topClasses } from './top-classes.ts';

/** Pictures that are compared at a time: so many rows can still be looked at. */
const MOST_PICTURES = 200;

/** What the models are run on. */
interface Samples {
  readonly tensor: Tensor;
  readonly names: readonly string[];
  readonly labels: Int32Array | undefined;
  readonly normalization: Normalization | null;
  readonly description: string;
}

/** Runs the three models and compares what they find. */
export async function comparePredictions(
  opened: Opened,
  equalized: Equalized,
  asked: Operations['compare']['asked'],
  progress: Progress,
): Promise<Comparison> {
  const samples = await samplesFor(opened, asked, progress);
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
    const ranges = { ranges: 'statistics', inputRanges: inputRangesOn(model, inputs) } as const;
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

async function samplesFor(
  { model, samples, told }: Opened,
  { pictures, labels: given }: Operations['compare']['asked'],
  progress: Progress,
): Promise<Samples> {
  const input = pictureInput(model);
  const size = picturesOf(model);
  if (!input || !size) {
    throw new UnsupportedModelError(
      'inputs',
      `${told.name}: takes no pictures, or more than one input; crosslayer evaluate compares it on arrays`,
    );
  }
  if (pictures === 'example') {
    if (!samples) throw new UnsupportedModelError('inputs', 'only the example has images of its own');
    const images = samples.images;
    const number = Math.min(MOST_PICTURES, images.shape[0] ?? 0);
    const first = firstOf(images, number);
    const names = Array.from({ length: number }, (_, index) => `image ${index + 1}`);
    return fitted(model, input, { array: first, names, labels: samples.labels.subarray(0, number) });
  }
  if (pictures.length === 0) throw new UnsupportedModelError('inputs', 'no pictures were chosen');
  if (pictures.length > MOST_PICTURES) {
    const reason = `${count(pictures.length, 'picture')}; the page compares up to ${MOST_PICTURES} at a time`;
    throw new UnsupportedModelError('inputs', reason);
  }
  const labels = given && given.length > 0 ? Int32Array.from(given) : undefined;
  if (labels && labels.length !== pictures.length) {
    const reason = `${count(labels.length, 'label')} for ${count(pictures.length, 'picture')}; give one for each, or none`;
    throw new UnsupportedModelError('labels', reason);
  }
  const array = await decodePictures(pictures, size, progress);
  return fitted(model, input, { array, names: pictures.map(({ file }) => file.name), labels });
}

function firstOf(images: Tensor, number: number): Tensor {
  const [samples = 1, ...inner] = images.shape;
  const values = images.values() as Uint8Array;
  const part = values.subarray(0, (values.length / samples) * number);
  return Tensor.of('uint8', [number, ...inner], part);
}

function fitted(
  model: Model,
  input: ModelInput,
  { array, names, labels }: { array: Tensor; names: readonly string[]; labels: Int32Array | undefined },
): Samples {
  const guess = guessNormalization(model);
  const { tensor, normalization = null } = fitArray(array, 'the pictures', input, {
    asked: undefined,
    guessed: guess.normalization,
  });
  const [, height, width] = array.shape;
  const scaling =
    normalization === null
      ? 'values as they are'
      : `pixels as ${describeNormalization(normalization)} (a guess: ${guess.reason})`;
  const description = `${count(names.length, 'picture')} of ${width} x ${height}: ${scaling}`;
  return { tensor, names, labels, normalization, description };
}
