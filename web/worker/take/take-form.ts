import { type Model, type ModelFormat, quantize, type WriteReport, writeModel, zipFiles } from 'crosslayer';
import { allIn } from 'crosslayer/quantization';
import type { Download, TakenForm } from '../../protocol.ts';
import type { Equalized } from '../equalize/equalized.ts';
import type { Opened } from '../open/opened.ts';
import type { Progress } from '../progress.ts';
import { ChunkedSink } from './chunked-sink.ts';

const TYPE = 'application/octet-stream';

/** Makes a download of the equalized model, or of the one that is open where none was equalized. */
export async function takeForm(
  form: TakenForm,
  opened: Opened,
  equalized: Equalized | undefined,
  progress: Progress,
): Promise<Download> {
  const model = equalized?.model ?? opened.model;
  const base = opened.told.fileName.replace(/\.[^.]*$/, '') || 'model';
  const name = equalized ? `${base}-equalized` : base;
  switch (form) {
    case 'as-it-came':
      return withCorrection(
        await written(model, opened.model.origin?.format ?? 'keras-v3', name, progress),
        equalized,
      );
    case 'keras-v3':
    case 'keras-h5':
      return withCorrection(await written(model, form, name, progress), equalized);
    case 'tfjs-uint8': {
      progress('Rounding weights to 8 bits');
      const { model: packed } = await quantize(opened.model);
      return written(packed, 'tfjs-layers', `${base}-uint8`, progress);
    }
    case 'report': {
      const { reportPage } = await import('./report-page.ts');
      return {
        fileName: `${base}-report.html`,
        blob: await reportPage(opened, equalized, progress),
        notes: [],
      };
    }
  }
}

/** Biases that are corrected are made for rounded weights, and the file has them unrounded. */
function withCorrection(download: Download, equalized: Equalized | undefined): Download {
  const { target, rounding, passes } = equalized?.told.report ?? { passes: [] };
  if (allIn(passes, 'corrected').length === 0 || rounding !== 'nearest') return download;
  const note =
    `Its biases make up for what rounding weights to 8 bits (${target}) is going to change: until a converter has done that, ` +
    'the model is off by about as much.';
  return { ...download, notes: [...download.notes, note] };
}

async function written(
  model: Model,
  format: ModelFormat,
  name: string,
  progress: Progress,
): Promise<Download> {
  progress('Writing the model');
  if (format === 'tfjs-layers') return zipOfTfjs(model, name, progress);
  const fileName = `${name}${format === 'keras-v3' ? '.keras' : '.h5'}`;
  const { main, report } = await writtenFiles(model, format, fileName);
  progress('Handing the file over');
  return { fileName, blob: main.toBlob(TYPE), notes: notesOf(report) };
}

/** A TF.js model is several files, so it comes as a zip of them. */
async function zipOfTfjs(model: Model, name: string, progress: Progress): Promise<Download> {
  const { sinks, report } = await writtenFiles(model, 'tfjs-layers', 'model.json');
  progress('Packing the files');
  const packed = new ChunkedSink(`${name}.zip`);
  await zipFiles(packed, sinks);
  return { fileName: `${name}-tfjs.zip`, blob: packed.toBlob('application/zip'), notes: notesOf(report) };
}

async function writtenFiles(
  model: Model,
  format: ModelFormat,
  name: string,
): Promise<{ main: ChunkedSink; sinks: readonly ChunkedSink[]; report: WriteReport }> {
  const main = new ChunkedSink(name);
  const sinks = [main];
  const create = (sibling: string): ChunkedSink => {
    const sink = new ChunkedSink(sibling);
    sinks.push(sink);
    return sink;
  };
  const scratch = (): ChunkedSink => new ChunkedSink('scratch');
  const report = await writeModel(model, { main, create, scratch }, { format });
  return { main, sinks, report };
}

function notesOf({ dropped, warnings, notes = [] }: WriteReport): string[] {
  return [...dropped.map((sentence) => `Not kept: ${sentence}`), ...notes, ...warnings];
}
