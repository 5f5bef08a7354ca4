import { loadModel, saveModel } from '../../node.ts';
import { progress, progressDone, styled } from '../render.ts';

/** Options of `crosslayer convert`. */
export interface ConvertOptions {
  readonly output: string;
  readonly force?: boolean;
  readonly json?: boolean;
}

/** Runs `crosslayer convert` and returns what goes to standard output. */
export async function convertCommand(input: string, options: ConvertOptions): Promise<string> {
  progress(`reading ${input}`);
  const model = await loadModel(input);
  progress(`writing ${options.output}`);
  const { dropped, warnings } = await saveModel(model, options.output, { force: options.force === true });
  progressDone();
  if (options.json === true) return JSON.stringify({ schemaVersion: 1, dropped, warnings });
  return [
    `${styled('bold', options.output)} written`,
    ...dropped.map((sentence) => `  not kept: ${sentence}`),
    ...warnings.map((sentence) => `  note: ${sentence}`),
  ].join('\n');
}
