/**
 * What the page asks of its worker, one thing after the other.
 *
 * @module
 */

import type { OperationName, Operations } from '../../protocol.ts';
import type { Engine } from '../../worker-client.ts';

/** How far something is: a sentence, and a share where it is known. */
export type OnProgress = (text: string, share: number | null) => void;

/** What came of something that was asked. */
export type Outcome<Result> =
  | { readonly kind: 'done'; readonly result: Result }
  | { readonly kind: 'cancelled' }
  | { readonly kind: 'failed'; readonly message: string; readonly isExpected: boolean };

/** `asked`: the person waits for it. `meanwhile`: the page wants it, and it gives way to what is asked. */
export type Urgency = 'asked' | 'meanwhile';

/** How something is asked for. */
export interface AskOptions {
  readonly urgency: Urgency;
  /** Once it is done, what waits `meanwhile` is of no use any more: it was of another model. */
  readonly replacesMeanwhile?: boolean;
  readonly onProgress?: OnProgress;
}

interface Job {
  readonly urgency: Urgency;
  readonly replacesMeanwhile: boolean;
  run(signal: AbortSignal): Promise<Outcome<unknown>>;
  settle(outcome: Outcome<unknown>): void;
}

interface Running {
  readonly job: Job;
  readonly controller: AbortController;
  /** What becomes of it once it has stopped. */
  stop: 'no' | 'cancel' | 'again';
}

/** Milliseconds that what is asked waits for what runs `meanwhile`. */
export const PATIENCE = 300;

/** Runs jobs one at a time, what is asked first; what gave way is begun again. */
export class WorkQueue {
  readonly #engine: Engine;
  #waiting: Job[] = [];
  #running: Running | undefined;
  /** Whether something `meanwhile` may be stopped, which has the worker make its state again. */
  mayInterrupt = true;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Asks for an operation. Never rejects. */
  ask<Name extends OperationName>(
    name: Name,
    asked: Operations[Name]['asked'],
    { urgency, replacesMeanwhile = false, onProgress }: AskOptions,
  ): Promise<Outcome<Operations[Name]['result']>> {
    return new Promise((resolve) => {
      const run = async (signal: AbortSignal): Promise<Outcome<unknown>> => {
        const result = await this.#engine.run(name, asked, {
          signal,
          ...(onProgress === undefined ? {} : { onProgress }),
        });
        return { kind: 'done', result };
      };
      const settle = (outcome: Outcome<unknown>): void =>
        resolve(outcome as Outcome<Operations[Name]['result']>);
      this.#waiting.push({ urgency, replacesMeanwhile, run, settle });
      if (urgency === 'asked' && this.mayInterrupt) this.#interrupt();
      this.#next();
    });
  }

  /** Stops what was asked, running or waiting. */
  cancel(): void {
    this.#drop('asked');
    this.#stop('cancel', 'asked');
  }

  /** Stops what runs `meanwhile` unless it ends by itself, which is sooner done than a worker started anew. */
  #interrupt(): void {
    const running = this.#running;
    if (running?.job.urgency !== 'meanwhile') return;
    setTimeout(() => {
      if (this.#running === running) this.#stop('again', 'meanwhile');
    }, PATIENCE);
  }

  #drop(urgency: Urgency): void {
    const dropped = this.#waiting.filter((job) => job.urgency === urgency);
    this.#waiting = this.#waiting.filter((job) => job.urgency !== urgency);
    for (const job of dropped) job.settle({ kind: 'cancelled' });
  }

  #stop(how: 'cancel' | 'again', urgency: Urgency): void {
    const running = this.#running;
    if (running?.job.urgency !== urgency || running.stop === 'cancel') return;
    const isFirst = running.stop === 'no';
    running.stop = how;
    if (!isFirst) return;
    running.controller.abort();
  }

  #next(): void {
    if (this.#running !== undefined) return;
    const job = this.#waiting.find(({ urgency }) => urgency === 'asked') ?? this.#waiting[0];
    if (job === undefined) return;
    this.#waiting = this.#waiting.filter((one) => one !== job);
    const running: Running = { job, controller: new AbortController(), stop: 'no' };
    this.#running = running;
    void this.#finish(running);
  }

  async #finish(running: Running): Promise<void> {
    const outcome = await running.job.run(running.controller.signal).catch(failure);
    this.#running = undefined;
    // Before the next begins: it would have to be stopped, and the worker to read the model a second time.
    if (running.job.replacesMeanwhile && outcome.kind === 'done') this.#drop('meanwhile');
    if (running.stop === 'again' && outcome.kind !== 'done') this.#waiting.push(running.job);
    else running.job.settle(running.stop === 'cancel' ? { kind: 'cancelled' } : outcome);
    this.#next();
  }
}

function failure(error: unknown): Outcome<never> {
  const isExpected = error instanceof Error && 'isExpected' in error && error.isExpected === true;
  return { kind: 'failed', message: error instanceof Error ? error.message : String(error), isExpected };
}
