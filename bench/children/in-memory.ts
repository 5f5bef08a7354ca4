/**
 * Measures equalizing a network whose weights are in memory; prints {@link InMemoryTimes} as JSON.
 *
 * Each run gets tensors that have computed nothing yet: channel ranges are kept with a tensor, and a second run over
 * the same ones would not have to look at the weights.
 *
 * @module
 */

import { Bench } from 'tinybench';
import { equalizeModel } from '../../src/index.ts';
import type { Model } from '../../src/model/model.ts';
import type { TensorValues } from '../../src/tensor/dtype.ts';
import { type BenchNetwork, NETWORKS } from '../networks/index.ts';
import { inMemory, withRandomWeights } from '../networks/random-weights.ts';

/** Medians, in seconds. */
export interface InMemoryTimes {
  /** Folding, scaling and bias; factors are noted, not yet multiplied into the weights. */
  readonly steps: number;
  /** The same, and computing every weight of the result. */
  readonly stepsAndValues: number;
}

const ITERATIONS = 10;
const WARMUP_ITERATIONS = 2;

function equalizeToValues(model: Model): TensorValues[] {
  const layers = [...equalizeModel(model).allLayers()].map(({ layer }) => layer);
  return layers.flatMap(({ weights }) => [...weights.values()].map((tensor) => tensor.values()));
}

async function measure(network: BenchNetwork): Promise<InMemoryTimes> {
  const freshModel = inMemory(withRandomWeights(network.make()));
  let model = freshModel();
  const beforeEach = (): void => {
    model = freshModel();
  };
  const bench = new Bench({
    time: 0,
    iterations: ITERATIONS,
    warmupTime: 0,
    warmupIterations: WARMUP_ITERATIONS,
    throws: true,
  });
  bench.add('steps', () => void equalizeModel(model), { beforeEach });
  bench.add('steps and values', () => void equalizeToValues(model), { beforeEach });
  await bench.run();
  const [steps = Number.NaN, stepsAndValues = Number.NaN] = bench.tasks.map(({ result }) =>
    'latency' in result ? result.latency.p50 / 1000 : Number.NaN,
  );
  return { steps, stepsAndValues };
}

const network = NETWORKS[process.argv[2] ?? ''];
if (!network) throw new RangeError(`give one of ${Object.keys(NETWORKS).join(', ')}`);
process.stdout.write(JSON.stringify(await measure(network)));
