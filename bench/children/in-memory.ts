/**
 * Measures equalizing a network whose weights are in memory; prints {@link InMemoryTimes} as JSON.
 *
 * What is compared takes turns, so that what else the machine does meets all. Each run gets tensors that have computed
 * nothing yet: channel ranges are kept with a tensor, and a second run over the same ones would not have to look at the
 * weights.
 *
 * @module
 */

import { equalizeModel } from '../../src/aimet.ts';
import { equalize } from '../../src/index.ts';
import type { Model } from '../../src/model/model.ts';
import { OBJECTIVES, type Objective } from '../../src/quantization.ts';
import type { TensorValues } from '../../src/tensor/dtype.ts';
import { median } from '../median.ts';
import { type BenchNetwork, NETWORKS } from '../networks/index.ts';
import { inMemory, withRandomWeights } from '../networks/random-weights.ts';

/** Medians, in seconds. */
export interface InMemoryTimes {
  /** The reference's recipe: folding, scaling and bias; factors are noted, not yet multiplied into the weights. */
  readonly steps: number;
  /** The same, and computing every weight of the result. */
  readonly stepsAndValues: number;
  /** `equalize` with either objective, for which the reference's recipe is the measure. */
  readonly objectives: Readonly<Record<Objective, RegionTimes>>;
}

/** `equalize`: folding, regions, exact caps and bias correction. */
export interface RegionTimes {
  readonly steps: number;
  /** The same, and computing every weight of the result. */
  readonly stepsAndValues: number;
  /** The median of the ratios to the reference's recipe, turn by turn, all weights computed. */
  readonly ratio: number;
}

const TURNS = 15;
const WARMUP_TURNS = 3;

function valuesOf(model: Model): TensorValues[] {
  const layers = [...model.allLayers()].map(({ layer }) => layer);
  return layers.flatMap(({ weights }) => [...weights.values()].map((tensor) => tensor.values()));
}

/** Seconds up to the end of the steps, and up to the last of the weights. */
interface Timed {
  readonly steps: number;
  readonly all: number;
}

async function timed(model: Model, steps: (model: Model) => Model | Promise<Model>): Promise<Timed> {
  const start = performance.now();
  const equalized = await steps(model);
  const done = performance.now();
  valuesOf(equalized);
  return { steps: (done - start) / 1000, all: (performance.now() - start) / 1000 };
}

async function measure(network: BenchNetwork): Promise<InMemoryTimes> {
  const freshModel = inMemory(withRandomWeights(network.make()));
  const reference: Timed[] = [];
  const turns: Record<Objective, Timed[]> = { 'equal-ranges': [], 'least-noise': [] };
  for (let turn = 0; turn < WARMUP_TURNS + TURNS; turn++) {
    const one = await timed(freshModel(), (model) => equalizeModel(model));
    if (turn >= WARMUP_TURNS) reference.push(one);
    for (const objective of OBJECTIVES) {
      const other = await timed(freshModel(), async (model) => (await equalize(model, { objective })).model);
      if (turn >= WARMUP_TURNS) turns[objective].push(other);
    }
  }
  const timesOf = (list: readonly Timed[]): RegionTimes => ({
    steps: median(list.map(({ steps }) => steps)),
    stepsAndValues: median(list.map(({ all }) => all)),
    ratio: median(list.map(({ all }, turn) => all / (reference[turn]?.all ?? Number.NaN))),
  });
  return {
    steps: median(reference.map(({ steps }) => steps)),
    stepsAndValues: median(reference.map(({ all }) => all)),
    objectives: {
      'equal-ranges': timesOf(turns['equal-ranges']),
      'least-noise': timesOf(turns['least-noise']),
    },
  };
}

const network = NETWORKS[process.argv[2] ?? ''];
if (!network) throw new RangeError(`give one of ${Object.keys(NETWORKS).join(', ')}`);
process.stdout.write(JSON.stringify(await measure(network)));
