/**
 * Whether another file computes what the open model does, as the command `verify` tells it.
 *
 * @module
 */

import { CannotRunError, releaseModel, type Tensor, TfjsRunner, type VerifyReport, verify } from 'crosslayer';
import { verifyTflite } from 'crosslayer/verification';
import type { Operations, PicturesAsked } from '../../protocol.ts';
import { madeUpInputs } from '../made-up-inputs.ts';
import { readPicked } from '../open/open-model.ts';
import type { Opened } from '../open/opened.ts';
import { pageFolder } from '../page-folder.ts';
import type { Progress } from '../progress.ts';
import { startLitert } from '../take/litert.ts';
import { pictureSamples } from './picture-samples.ts';

/** Samples that are made up, as the command has them. */
const MADE_UP = 4;

/** Images of the example: enough to tell, and soon done. */
const OF_EXAMPLE = 100;

/** Runs the open model and another file on the same inputs. */
export async function verifyFiles(
  opened: Opened,
  { files, ...on }: Operations['verify']['asked'],
  progress: Progress,
): Promise<VerifyReport> {
  progress('Reading the other file');
  const [first] = files;
  const isTflite = files.length === 1 && first !== undefined && /\.tflite$/i.test(first.file.name);
  const bytes = isTflite ? new Uint8Array(await first.file.arrayBuffer()) : undefined;
  const candidate = isTflite ? undefined : await readPicked(files, progress);
  try {
    const inputs = await inputsFor(opened, on, progress);
    const runner = await TfjsRunner.create({ wasmPaths: `${pageFolder()}wasm/` });
    const options = { runner, ...inputs };
    progress('Running both');
    if (candidate) return await verify(opened.model, candidate, options);
    const litert = await startLitert();
    const name = first?.file.name ?? '';
    return await verifyTflite(opened.model, { litert, name, bytes: bytes ?? new Uint8Array() }, options);
  } catch (error) {
    if (!(error instanceof CannotRunError) || !candidate) throw error;
    // It says why in the report.
    return verify(opened.model, candidate, {
      ...{ runner: { run: () => Promise.reject(error) }, inputs: [], inputsDescription: 'none' },
    });
  } finally {
    if (candidate) releaseModel(candidate);
  }
}

async function inputsFor(
  opened: Opened,
  { pictures, normalization }: PicturesAsked,
  progress: Progress,
): Promise<{
  readonly inputs: readonly Tensor[];
  readonly inputsDescription: string;
  readonly sampleNames: readonly string[];
}> {
  if (pictures.length === 0 && !opened.samples) {
    const { tensors, description } = madeUpInputs(opened.model, MADE_UP, normalization);
    return { inputs: tensors, inputsDescription: description, sampleNames: [] };
  }
  const asked = { pictures: pictures.length > 0 ? pictures : 'example', normalization } as const;
  const { tensor, description, names } = await pictureSamples(opened, asked, progress, OF_EXAMPLE);
  return { inputs: [tensor], inputsDescription: description, sampleNames: names };
}
