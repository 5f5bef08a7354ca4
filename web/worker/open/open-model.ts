import {
  type ByteSource,
  FormatError,
  type Model,
  type ModelFiles,
  type ModelFormat,
  modelFilesAmong,
  type NamedFile,
  readModel,
  UnsupportedModelError,
} from 'crosslayer';
import { foldAllBatchNorms } from 'crosslayer/aimet';
import { layersQuantizedBefore, storedCoarsely } from 'crosslayer/quantization';
import { channelStrips, count, grouped, inspectModel, modelMap } from 'crosslayer/report';
import type { OpenedModel, PickedFile } from '../../protocol.ts';
import type { Progress } from '../progress.ts';
import { fileSource } from './file-source.ts';
import type { LabelledImages, Opened } from './opened.ts';
import { picturesOf } from './pictures-of.ts';

/**
 * Bytes of a model, all files together, that the page takes. Chromium's tab takes about 2.3 times as many while a `.keras` file
 * is written, and dies where there is no such memory; with 24 GB of it a model of 2.9 GB was tried and went through.
 */
export const LARGEST_MODEL: number = 1_000_000_000;

/** Opens the files that were dropped. */
export async function openPicked(files: readonly PickedFile[], progress: Progress): Promise<Opened> {
  const bytes = bytesOf(files);
  return openFiles(await modelFilesOf(files, progress), { bytes, samples: undefined }, progress);
}

/** Reads the model of files, and does not look at it. */
export async function readPicked(files: readonly PickedFile[], progress: Progress): Promise<Model> {
  return readModel(await modelFilesOf(files, progress));
}

async function modelFilesOf(files: readonly PickedFile[], progress: Progress): Promise<ModelFiles> {
  progress('Looking at the files');
  const bytes = bytesOf(files);
  if (bytes > LARGEST_MODEL) {
    const [first] = files;
    throw tooLarge(files.length === 1 && first ? first.file.name : 'what was dropped', bytes);
  }
  const named = files.map(({ path, file }): NamedFile => ({ path, open: () => fileSource(file, file.name) }));
  return refusingMissing(await modelFilesAmong(named));
}

function bytesOf(files: readonly PickedFile[]): number {
  return files.reduce((sum, { file }) => sum + file.size, 0);
}

/** A file that is missing is refused with what to do about it on the page. */
export function refusingMissing({ main, open }: ModelFiles): ModelFiles {
  return {
    main,
    open(name) {
      const found = open(name);
      if (found) return found;
      const reason =
        'this file of weights was not dropped; drop all files of the model together, or their folder, or a zip of them';
      throw new FormatError(main.name, name, reason);
    },
  };
}

function tooLarge(name: string, bytes: number): UnsupportedModelError {
  const megabytes = (size: number): string => `${grouped(Math.ceil(size / 1e6))} MB`;
  return new UnsupportedModelError(
    'size',
    `${name}: ${megabytes(bytes)}; the page takes models up to ${megabytes(LARGEST_MODEL)}, and the command crosslayer ` +
      'larger ones',
  );
}

/** Opens a model and looks at it. */
export async function openFiles(
  files: ModelFiles,
  { bytes, samples }: { readonly bytes: number; readonly samples: LabelledImages | undefined },
  progress: Progress,
): Promise<Opened> {
  progress('Reading the model');
  const model = await readModel(files);
  progress('Reading the weights');
  const inspect = inspectModel(model);
  const folded = model.clone();
  foldAllBatchNorms(folded);
  progress('Measuring the channels');
  const spreads = new Map(
    inspect.layers.map(({ layer, foldedRangeSpread }) => [layer, foldedRangeSpread] as const),
  );
  const told: OpenedModel = {
    name: model.name,
    fileName: shortName(files.main),
    format: formatText(model),
    bytes,
    parameters: model.parameterCount,
    map: modelMap(model, spreads),
    inspect,
    strips: channelStrips(model, folded),
    notes: [...inspect.notes.map((note) => `${note}.`), ...notesOn(model)],
    pictures: picturesOf(model),
    isExample: samples !== undefined,
  };
  return { model, told, samples };
}

/** Members of a zip are named with it: `models.zip: folder/model.json`. */
function shortName({ name }: ByteSource): string {
  return name.split(/\/|: /).at(-1) ?? name;
}

const FORMATS: Readonly<Record<ModelFormat, string>> = {
  'keras-v3': 'Keras 3 (.keras)',
  'keras-h5': 'HDF5 (.h5)',
  'tfjs-layers': 'TF.js layers model (model.json)',
};

function formatText({ origin, dialect }: Model): string {
  const text = FORMATS[origin?.format ?? 'keras-v3'];
  return origin?.format === 'keras-h5'
    ? `${text.replace('(', `of Keras ${dialect === 'keras2' ? 2 : 3} (`)}`
    : text;
}

/** What 8 bits have taken from the model before it came here. */
function notesOn(model: Model): string[] {
  const gridded = layersQuantizedBefore(model).length;
  const coarse = storedCoarsely(model);
  const variances = coarse.filter(({ weight }) => weight === 'movingVariance').length;
  const notes: string[] = [];
  if (gridded > 0) {
    notes.push(
      `The kernels of ${count(gridded, 'layer')} lie on a grid of 8 bits already: the model was quantized before. ` +
        'What that cost cannot be brought back, and equalizing has them rounded a second time; take the model as it was ' +
        'before that, if you have it.',
    );
  }
  if (variances > 0) {
    notes.push(
      `The variances of ${count(variances, 'batch norm')} were stored in 8 bits too, which often ruins the model; what ` +
        'they lost cannot be restored.',
    );
  } else if (coarse.length > 0) {
    notes.push(`${count(coarse.length, 'more weight')} came in few bits; what they lost cannot be restored.`);
  }
  return notes;
}
