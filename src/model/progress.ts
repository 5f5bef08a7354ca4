/**
 * How far long calls are, and how they are ended early.
 *
 * @module
 */

/**
 * How far a call is. Its stages follow one another; each begins with 0 done, never goes back, and ends with all of it done.
 *
 * | stage | what is counted |
 * |---|---|
 * | `read` | layers |
 * | `inputs` | photographs |
 * | `measure`, `ranges`, `run` | samples that went through the model |
 * | `try` | settings that were tried |
 * | `fold` | batch norms |
 * | `scale` | steps of the search for factors, of which fewer may do |
 * | `relu6`, `carry`, `correct` | layers; with samples `correct` counts these, twice |
 * | `pack` | weights |
 * | `write` | bytes of weights |
 * | `hash` | bytes of files, for the side-car |
 */
export interface Progress {
  /** What is being done: one of the table, or the name of a pass of one's own. */
  readonly stage: string;
  readonly done: number;
  /** 1 at least. */
  readonly total: number;
}

/** Whom a long call tells, and who may end it. */
export interface WatchOptions {
  /** Ends the call when it is aborted: the promise rejects with its reason, and nothing is left behind. */
  readonly signal?: AbortSignal | undefined;
  /** Called at the beginning of each stage, whenever a piece of it is done, and at its end. What it throws ends the call. */
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** Told how much of a stage is done; less than before, and more than `total`, is not passed on. */
export type Tell = (done: number, total: number) => void;

/**
 * Begins a stage: `const tell = stageOf(options, 'fold'); tell(0, layers); …; tell(layers, layers)`.
 *
 * @returns what tells; it throws the reason of the signal once that is aborted.
 */
export function stageOf({ signal, onProgress }: WatchOptions, stage: string): Tell {
  let last = -1;
  return (done, total) => {
    signal?.throwIfAborted();
    const whole = Math.max(1, total);
    // A stage of nothing is done when it has begun.
    const now = total > 0 ? Math.min(whole, done) : whole;
    if (now <= last) return;
    last = now;
    onProgress?.({ stage, done: now, total: whole });
  };
}

/** Whom options name as the watcher, and `otherwise` where they name none. */
export function watchOf(
  { signal, onProgress }: WatchOptions,
  otherwise: WatchOptions = {},
): Required<WatchOptions> {
  return { signal: signal ?? otherwise.signal, onProgress: onProgress ?? otherwise.onProgress };
}

/** The same watcher, told of stages under another name. */
export function asStage({ signal, onProgress }: WatchOptions, stage: string): WatchOptions {
  return { signal, onProgress: onProgress && ((progress) => onProgress({ ...progress, stage })) };
}

/** Lets whatever aborts the signal through, and throws its reason where it was. */
export async function checkpoint({ signal }: WatchOptions): Promise<void> {
  if (signal) await new Promise((resolve) => setTimeout(resolve));
  signal?.throwIfAborted();
}
