import { UnsupportedModelError } from '../../errors.ts';
import type { Model } from '../../model/model.ts';
import { loadModel, type SaveOptions, saveModel, type WriteReport } from '../../node.ts';
import { UsageError } from '../command-result.ts';
import { interruptible } from '../interruptible.ts';
import { progress, progressDone, styled } from '../terminal.ts';

/** Options of `crosslayer convert`. */
export interface ConvertOptions {
  readonly output: string;
  readonly keras?: '2' | '3';
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Runs `crosslayer convert` and returns what goes to standard output. */
export async function convertCommand(input: string, options: ConvertOptions): Promise<string> {
  progress(`reading ${input}`);
  const model = await loadModel(input);
  progress(`writing ${options.output}`);
  const { dropped, warnings } = await save(model, options);
  progressDone();
  if (options.json === true) return JSON.stringify({ schemaVersion: 1, dropped, warnings });
  return [
    `${styled('bold', options.output)} written`,
    ...dropped.map((sentence) => `  not kept: ${sentence}`),
    ...warnings.map((sentence) => `  note: ${sentence}`),
  ].join('\n');
}

async function save(model: Model, { output, keras, force }: ConvertOptions): Promise<WriteReport> {
  const options: SaveOptions = {
    force: force === true,
    // Whoever converts to .keras wants that format, and not the HDF5 that older versions of Keras wrote under the name.
    ...(/\.keras$/i.test(output) ? { format: 'keras-v3' } : {}),
    ...(keras === undefined ? {} : { dialect: `keras${keras}` }),
  };
  try {
    return await interruptible((signal) => saveModel(model, output, { ...options, signal }));
  } catch (error) {
    const isMisuse = error instanceof UnsupportedModelError && error.feature === 'dialect';
    throw isMisuse ? new UsageError(`--keras ${keras}: ${error.message}`) : error;
  }
}
