import {
  FormatError,
  type Model,
  type ModelFormat,
  quantize,
  type WriteOptions,
  type WriteReport,
  writeModel,
  zipFiles,
} from 'crosslayer';
import { allIn, weightBytes } from 'crosslayer/quantization';
import { byteText, count } from 'crosslayer/report';
import { LAYERS_SCRIPT, layersScriptFor } from 'crosslayer/verification';
import type { Download, TakeAsked, TfjsChoice } from '../../protocol.ts';
import type { Equalized } from '../equalize/equalized.ts';
import type { Opened } from '../open/opened.ts';
import { pageFolder } from '../page-folder.ts';
import type { Progress } from '../progress.ts';
import { ChunkedSink } from './chunked-sink.ts';

const TYPE = 'application/octet-stream';

/** Makes a download of the equalized model, or of the one that is open where none was equalized. */
export async function takeForm(
  asked: TakeAsked,
  opened: Opened,
  equalized: Equalized | undefined,
  progress: Progress,
): Promise<Download> {
  const model = equalized?.model ?? opened.model;
  const base = opened.told.fileName.replace(/\.[^.]*$/, '') || 'model';
  const name = equalized ? `${base}-equalized` : base;
  const take = async (options: WriteOptions & { readonly format: ModelFormat }): Promise<Download> =>
    withCorrection(await written(model, options, name, progress), equalized);
  switch (asked.form) {
    case 'as-it-came':
      return take({ format: opened.model.origin?.format ?? 'keras-v3' });
    case 'keras-v3':
      return take({ format: 'keras-v3' });
    case 'keras-h5':
      return take({ format: 'keras-h5', ...(asked.dialect ? { dialect: asked.dialect } : {}) });
    case 'tfjs-float':
      return withCorrection(await zipOfTfjs(model, name, asked, progress), equalized);
    case 'tfjs-packed': {
      progress('Rounding weights');
      const { form: _, shardBytes: __, layersScript: ___, ...options } = asked;
      const { model: packed, report } = await quantize(opened.model, options);
      const packedName = `${base}-${asked.plan ? 'packed' : (asked.dtype ?? 'uint8')}`;
      const made = await zipOfTfjs(packed, packedName, asked, progress);
      return {
        ...made,
        notes: [packedNote(opened.model, packed, allIn(report.passes, 'packed')), ...made.notes],
      };
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

/** How large weights are, and what became of kernels. */
function packedNote(before: Model, after: Model, kernels: readonly { readonly dtype: string }[]): string {
  const dtypes = [...new Set(kernels.map(({ dtype }) => dtype))].sort();
  const parts = dtypes.map((dtype) => {
    const { length } = kernels.filter((kernel) => kernel.dtype === dtype);
    return `${count(length, 'kernel')} ${dtype === 'float32' ? 'left in' : 'as'} ${dtype}`;
  });
  const sizes = `Weights ${byteText(weightBytes(before))} as they were opened, ${byteText(weightBytes(after))} now`;
  return `${[sizes, ...parts].join(', ')}.`;
}

/** Biases that are corrected are made for rounded weights, and the file has them unrounded. */
function withCorrection(download: Download, equalized: Equalized | undefined): Download {
  const { target, rounding, passes } = equalized?.told.report ?? { passes: [] };
  if (allIn(passes, 'corrected').length === 0 || rounding !== 'nearest') return download;
  const note =
    `Its biases are corrected in advance for what rounding weights to 8 bits (${target}) will change: until a converter has done that, ` +
    'the model is off by about as much.';
  return { ...download, notes: [...download.notes, note] };
}

async function written(
  model: Model,
  options: WriteOptions & { readonly format: ModelFormat },
  name: string,
  progress: Progress,
): Promise<Download> {
  const { format } = options;
  if (format === 'tfjs-layers') return zipOfTfjs(model, name, {}, progress);
  progress('Writing the model');
  const fileName = `${name}${format === 'keras-v3' ? '.keras' : '.h5'}`;
  const { main, report } = await writtenFiles(model, options, fileName);
  progress('Handing the file over');
  return { fileName, blob: main.toBlob(TYPE), notes: notesOf(report) };
}

/** A TF.js model is several files, so it comes as a zip of them. */
async function zipOfTfjs(
  model: Model,
  name: string,
  { shardBytes, layersScript }: TfjsChoice,
  progress: Progress,
): Promise<Download> {
  progress('Writing the model');
  const options = { format: 'tfjs-layers', ...(shardBytes === undefined ? {} : { shardBytes }) } as const;
  const { sinks: written, report: plain } = await writtenFiles(model, options, 'model.json');
  const { report, script } = layersScript
    ? await layersScriptFor(plain, fetchLayers)
    : { report: plain, script: undefined };
  const sinks = script === undefined ? written : [...written, sinkOf(LAYERS_SCRIPT, script)];
  progress('Packing the files');
  const packed = new ChunkedSink(`${name}.zip`);
  await zipFiles(packed, sinks);
  return { fileName: `${name}-tfjs.zip`, blob: packed.toBlob('application/zip'), notes: notesOf(report) };
}

async function fetchLayers(): Promise<string> {
  const response = await fetch(new URL(`layers/${LAYERS_SCRIPT}`, pageFolder()));
  if (response.ok) return response.text();
  throw new FormatError(
    LAYERS_SCRIPT,
    '',
    `not found beside the page (${response.status}); put the folder layers there`,
  );
}

function sinkOf(name: string, text: string): ChunkedSink {
  const sink = new ChunkedSink(name);
  sink.write(0, new TextEncoder().encode(text));
  return sink;
}

async function writtenFiles(
  model: Model,
  options: WriteOptions,
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
  const report = await writeModel(model, { main, create, scratch }, options);
  return { main, sinks, report };
}

function notesOf({ dropped, warnings, notes = [] }: WriteReport): string[] {
  return [...dropped.map((sentence) => `Not kept: ${sentence}`), ...notes, ...warnings];
}
