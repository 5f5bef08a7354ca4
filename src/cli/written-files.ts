import type { ModelFormat } from '../formats/format.ts';
import { fileBytes } from '../node/loaded-files.ts';
import { closeModel, loadModel } from '../node/model-files.ts';

/** What a model that was written is found to be: its format, null where it is none of those that are read, and its size. */
export interface WrittenFiles {
  readonly format: ModelFormat | null;
  readonly bytes: number;
}

/** Opens what was written at `output`. */
export async function writtenFiles(output: string): Promise<WrittenFiles> {
  const written = await loadModel(output);
  try {
    return { format: written.origin?.format ?? null, bytes: fileBytes(written) };
  } finally {
    closeModel(written);
  }
}
