/** A page with the engine alone, which the test drives. */

import type { Download, OperationName, Operations, PickedFile } from '../../../web/protocol.ts';
import { createEngine, type Engine, EngineError } from '../../../web/worker-client.ts';

/** What came of an operation, as far as it can be told to the test. */
export type Told<Result> =
  | { readonly result: Result; readonly progress: readonly string[] }
  | { readonly error: string; readonly name: string; readonly isExpected: boolean };

/** What the test finds in the page. */
export interface EngineDriver {
  run<Name extends OperationName>(
    name: Name,
    asked: Operations[Name]['asked'],
    cancelWhen?: string,
  ): Promise<Told<Operations[Name]['result']>>;
  /** Fetches files from the test's server as if they were dropped. */
  pick(paths: Readonly<Record<string, string>>): Promise<PickedFile[]>;
  /** A file of so many bytes, all zero but the first. */
  hollow(name: string, start: readonly number[], bytes: number): PickedFile[];
  /** A download as a file that was picked. */
  repick(download: Download): PickedFile[];
  dispose(): void;
}

declare global {
  var driver: EngineDriver;
}

let engine: Engine = createEngine();

globalThis.driver = {
  async run(name, asked, cancelWhen) {
    const controller = new AbortController();
    const progress: string[] = [];
    try {
      const result = await engine.run(name, asked, {
        signal: controller.signal,
        onProgress(text) {
          progress.push(text);
          if (cancelWhen !== undefined && text.startsWith(cancelWhen)) controller.abort();
        },
      });
      return { result, progress };
    } catch (error) {
      const isExpected = error instanceof EngineError && error.isExpected;
      return error instanceof Error
        ? { error: error.message, name: error.name, isExpected }
        : { error: String(error), name: '', isExpected };
    }
  },
  async pick(paths) {
    const files = Object.entries(paths).map(async ([path, url]) => {
      const response = await fetch(url);
      if (!response.ok) throw new Error(`${response.status} ${url}`);
      return { path, file: new File([await response.blob()], path.split('/').at(-1) ?? path) };
    });
    return Promise.all(files);
  },
  hollow(name, start, bytes) {
    const zeros = new Blob([new Uint8Array(2 ** 24)]);
    const parts = [new Uint8Array(start), ...new Array(Math.ceil(bytes / zeros.size)).fill(zeros)];
    return [{ path: name, file: new File([new Blob(parts).slice(0, bytes)], name) }];
  },
  repick({ fileName, blob }) {
    return [{ path: fileName, file: new File([blob], fileName) }];
  },
  dispose() {
    engine.dispose();
    engine = createEngine();
  },
};
