import type { Model } from '../model/model.ts';
import { stageOf, type WatchOptions } from '../model/progress.ts';
import { bytesPerElement } from '../tensor/dtype.ts';
import { packedWidth } from '../tensor/packed-values.ts';
import type { ByteSink, OutputFiles } from './bytes.ts';
import type { ModelFormat } from './format.ts';

/** Bytes that weights take on their way into files of `format`; into a zip file they are written twice. */
export function expectedBytes(model: Model, format: ModelFormat): number {
  const tensors = new Set([...model.allLayers()].flatMap(({ layer }) => [...layer.weights.values()]));
  const bytes = [...tensors].reduce((sum, { size, dtype, packed }) => {
    const isPacked = packed !== undefined && format === 'tfjs-layers';
    return sum + size * (isPacked ? packedWidth(packed.packing) : bytesPerElement(dtype));
  }, 0);
  return format === 'keras-v3' ? 2 * bytes : bytes;
}

/**
 * Files that tell of the stage `write` whenever something is written to them, and stop once the signal is aborted.
 *
 * @param total bytes that are expected, as far as that is known; what is more is not told
 * @returns the files, and what ends the stage.
 */
export function watchedFiles(
  files: OutputFiles,
  total: number,
  options: WatchOptions,
): { readonly files: OutputFiles; end(): void } {
  const tell = stageOf(options, 'write');
  let done = 0;
  tell(0, total);
  const watched = (sink: ByteSink): ByteSink => ({
    name: sink.name,
    get size() {
      return sink.size;
    },
    write(byteOffset, bytes) {
      sink.write(byteOffset, bytes);
      done += bytes.length;
      // The end is when all is written, headers too.
      tell(Math.min(done, total - 1), total);
    },
    read: (byteOffset, target) => sink.read(byteOffset, target),
  });
  return {
    files: {
      ...files,
      main: watched(files.main),
      create: (name) => watched(files.create(name)),
      nameFor: (name) => files.nameFor?.(name) ?? name,
      scratch: () => watched(files.scratch()),
    },
    end: () => tell(total, total),
  };
}
