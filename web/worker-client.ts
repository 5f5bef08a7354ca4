/// <reference types="vite/client" />
/**
 * The page's side of the worker.
 *
 * @module
 */

import type { OperationName, Operations, Reply, Request } from './protocol.ts';
import workerUrl from './worker/main.ts?worker&url';

/** Why an operation came to nothing: a sentence for the user. */
export class EngineError extends Error {
  /** Whether the files or the browser are the reason, and not a mistake in this program. */
  readonly isExpected: boolean;

  constructor(message: string, isExpected: boolean) {
    super(message);
    this.name = 'EngineError';
    this.isExpected = isExpected;
  }
}

/** How an operation is watched and ended. */
export interface RunOptions {
  /** Told what is done, and the part of the whole from 0 to 1; null where it is not known. */
  readonly onProgress?: (text: string, share: number | null) => void;
  /** Ends the operation at once; it then throws the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What the page asks for all work. */
export interface Engine {
  /**
   * Runs an operation; one at a time.
   *
   * After one that was cancelled or crashed everything is as it was before it: the model that was open, and what was made of it,
   * are made again when they are asked for.
   *
   * @throws EngineError with a sentence; the reason of the signal where it was cancelled.
   */
  run<Name extends OperationName>(
    name: Name,
    asked: Operations[Name]['asked'],
    options?: RunOptions,
  ): Promise<Operations[Name]['result']>;
  /** Ends the worker and forgets what was open. */
  dispose(): void;
}

/** An operation that can be asked for again. */
type Past = { readonly [Name in OperationName]: Pick<Request<Name>, 'name' | 'asked'> }[OperationName];

/** What has to be there before an operation. */
const NEEDS: Readonly<Record<OperationName, 'nothing' | 'model' | 'equalized'>> = {
  open: 'nothing',
  openExample: 'nothing',
  damage: 'model',
  preview: 'model',
  equalize: 'model',
  compare: 'equalized',
  verify: 'model',
  take: 'equalized',
  takeTflite: 'model',
};

/** Makes the engine; its worker starts with the first operation. */
export function createEngine(): Engine {
  return new WorkerEngine();
}

class WorkerEngine implements Engine {
  #worker: Worker | undefined;
  #isBusy = false;
  #nextId = 0;
  /** What made the state that the page shows. */
  #opened: Past | undefined;
  #equalized: Past | undefined;
  /** What of it the worker has. */
  #has = { opened: false, equalized: false };

  async run<Name extends OperationName>(
    name: Name,
    asked: Operations[Name]['asked'],
    options: RunOptions = {},
  ): Promise<Operations[Name]['result']> {
    options.signal?.throwIfAborted();
    if (this.#isBusy)
      throw new EngineError('Something is being done already; wait for it or cancel it.', true);
    this.#isBusy = true;
    try {
      await this.#restore(NEEDS[name], options);
      const result = await this.#ask({ name, asked }, options);
      this.#remember({ name, asked } as Past);
      return result;
    } finally {
      this.#isBusy = false;
    }
  }

  dispose(): void {
    this.#endWorker();
    this.#opened = undefined;
    this.#equalized = undefined;
  }

  /** Makes again what a worker that is gone had. */
  async #restore(needed: 'nothing' | 'model' | 'equalized', options: RunOptions): Promise<void> {
    if (needed === 'nothing') return;
    if (this.#opened && !this.#has.opened) {
      await this.#ask(this.#opened, options);
      this.#has.opened = true;
    }
    if (needed === 'model') return;
    if (this.#equalized && !this.#has.equalized) {
      await this.#ask(this.#equalized, options);
      this.#has.equalized = true;
    }
  }

  #remember(past: Past): void {
    if (past.name === 'open' || past.name === 'openExample') {
      this.#opened = past;
      this.#equalized = undefined;
      this.#has = { opened: true, equalized: false };
    } else if (past.name === 'equalize') {
      this.#equalized = past;
      this.#has = { opened: true, equalized: true };
    }
  }

  #ask<Name extends OperationName>(
    { name, asked }: Pick<Request<Name>, 'name' | 'asked'>,
    { onProgress, signal }: RunOptions,
  ): Promise<Operations[Name]['result']> {
    const worker = this.#startedWorker();
    const request: Request<Name> = { id: this.#nextId++, name, asked };
    return new Promise((resolve, reject) => {
      const listening = new AbortController();
      const end = (settle: () => void): void => {
        listening.abort();
        settle();
      };
      const fail = (error: unknown): void =>
        end(() => {
          this.#endWorker();
          reject(error);
        });
      const { signal: until } = listening;
      worker.addEventListener(
        'message',
        ({ data }: MessageEvent<Reply>) => {
          if (data.id !== request.id) return;
          if (data.kind === 'progress') onProgress?.(data.text, data.share);
          else if (data.kind === 'result') end(() => resolve(data.result as Operations[Name]['result']));
          else end(() => reject(new EngineError(data.message, data.isExpected)));
        },
        { signal: until },
      );
      worker.addEventListener('error', (event) => fail(crashed(event)), { signal: until });
      worker.addEventListener('messageerror', () => fail(crashed(undefined)), { signal: until });
      signal?.addEventListener('abort', () => fail(signal.reason), { signal: until });
      worker.postMessage(request);
    });
  }

  #startedWorker(): Worker {
    this.#worker ??= startWorker();
    return this.#worker;
  }

  #endWorker(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#has = { opened: false, equalized: false };
  }
}

/**
 * A worker from an address of the network has the policy that its server sends, which may be none; one from a blob has the
 * page's. So a blob it is that loads the module, and its name tells it where the page lies.
 */
function startWorker(): Worker {
  const address = new URL(workerUrl, document.baseURI).href;
  const blob = new Blob([`import ${JSON.stringify(address)};`], { type: 'text/javascript' });
  const url = URL.createObjectURL(blob);
  try {
    return new Worker(url, { type: 'module', name: document.baseURI });
  } finally {
    // The worker has fetched it by then, or will not: the address is resolved when it is made.
    URL.revokeObjectURL(url);
  }
}

/** An error that nobody caught; one without words is of a worker that did not start. */
function crashed(event: ErrorEvent | undefined): EngineError {
  const message = event?.message;
  return message
    ? new EngineError(
        `The work ended in an error that should not happen, please report it: ${message}`,
        false,
      )
    : new EngineError(
        'The part of the page that does the work could not be started or was ended by the browser. See that the server of ' +
          'the page runs and close other tabs, then try again; the command crosslayer takes larger models than a page.',
        true,
      );
}
