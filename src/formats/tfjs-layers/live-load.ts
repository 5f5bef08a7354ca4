/**
 * Loading a live model so that nothing of it stays in memory where TF.js stops halfway.
 *
 * @module
 */

import type {
  LiveArtifacts,
  LiveEngine,
  LiveLoadHandler,
  LiveModel,
  LiveTensor,
  LiveTf,
} from './live-model.ts';

/** What was made in TF.js between `start` and `end`. */
interface Recording {
  start(): void;
  end(): void;
  /** Disposes all of it. */
  dispose(): void;
}

/**
 * `tf.loadLayersModel` of what is in memory. Where it throws, the variables of the layers that it had made by then are
 * disposed, and the decoded weights; TF.js leaves both behind.
 */
export async function loadOrCleanUp<M extends LiveModel>(
  tf: LiveTf<M>,
  artifacts: LiveArtifacts,
): Promise<M> {
  const recording = record(tf.engine());
  try {
    return await tf.loadLayersModel(recordedHandler(artifacts, recording));
  } catch (error) {
    recording.dispose();
    throw error;
  }
}

/**
 * TF.js waits for `load()` and then makes the whole model in one go. Microtasks run in the order in which they are
 * queued, so the recording starts right before that and ends right after: what the page makes at the same time is not
 * in it, and is not disposed. That takes a thenable; a promise could not say when it resolves.
 */
function recordedHandler(artifacts: LiveArtifacts, recording: Recording): LiveLoadHandler {
  const thenable = {
    // biome-ignore lint/suspicious/noThenProperty: the moment at which it is awaited matters, see above
    then(resolve: (artifacts: LiveArtifacts) => void): void {
      queueMicrotask(recording.start);
      resolve(artifacts);
      queueMicrotask(recording.end);
    },
  };
  return { load: () => thenable as Promise<LiveArtifacts> };
}

function record(engine: LiveEngine): Recording {
  const made: LiveTensor[] = [];
  let before: ReadonlySet<string> = new Set();
  return {
    start() {
      before = new Set(Object.keys(engine.state.registeredVariables));
      engine.startScope('loadLayersModel');
    },
    end() {
      const tensors = [...(engine.state.activeScope?.track ?? [])];
      // Nothing is disposed yet: a layer may keep a tensor that is no weight.
      engine.endScope(tensors);
      made.push(...tensors);
      for (const [name, variable] of Object.entries(engine.state.registeredVariables)) {
        if (!before.has(name)) made.push(variable);
      }
    },
    dispose() {
      for (const tensor of made) if (!tensor.isDisposed) tensor.dispose();
    },
  };
}
