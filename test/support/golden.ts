import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as h5 from 'h5wasm';

/** The golden data beside the project, or the committed selection of it in a user's clone. */
const SHARED = fileURLToPath(new URL('../../../shared/golden/', import.meta.url));
const COMMITTED = fileURLToPath(new URL('../fixtures/golden/', import.meta.url));

const FOLDERS = [SHARED, COMMITTED].filter((folder) => existsSync(join(folder, 'cases.json')));

export type StepName = 'relu6' | 'fold' | 'scale' | 'bias';
export type Verdict =
  | 'match'
  | 'reference-changes-function'
  | 'reference-raises'
  | 'reference-incomplete'
  | 'not-comparable';

export interface GoldenCase {
  readonly name: string;
  readonly depthwiseSearch: boolean;
  readonly steps: Readonly<Record<StepName, { readonly verdict: Verdict; readonly left?: string }>>;
}

export interface GoldenReport {
  readonly folded_pairs?: readonly (readonly [string, string])[];
  readonly standalone_bns_converted?: readonly string[] | null;
  readonly cls_pairs?: readonly (readonly {
    readonly layer1: string;
    readonly layer2: string;
    readonly relu: boolean;
    readonly scale_factor: readonly number[];
  }[])[];
  readonly relu6_changed_layers?: readonly string[];
}

export function goldenCases(): GoldenCase[] {
  const cases = FOLDERS.flatMap((folder): GoldenCase[] =>
    JSON.parse(readFileSync(join(folder, 'cases.json'), 'utf8')),
  );
  return [...new Map(cases.map((one) => [one.name, one])).values()];
}

export function goldenPath(name: string, file: string): string {
  return join(FOLDERS.find((folder) => existsSync(join(folder, name))) ?? COMMITTED, name, file);
}

export function goldenReport(name: string): GoldenReport {
  return JSON.parse(readFileSync(goldenPath(name, 'report.json'), 'utf8').replace(/\bNaN\b/g, 'null'));
}

/** Array of numbers with its shape, read by h5wasm itself rather than by our reader. */
export interface Values {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

async function openFile<Result>(path: string, read: (file: h5.File) => Result): Promise<Result> {
  const { FS } = await h5.ready;
  const name = `/golden-${path.replace(/[^a-z0-9]/gi, '-')}`;
  FS.writeFile(name, new Uint8Array(readFileSync(path)));
  const file = new h5.File(name, 'r');
  try {
    return read(file);
  } finally {
    file.close();
    FS.unlink(name);
  }
}

function valuesOf(entity: unknown): Values {
  if (!(entity instanceof h5.Dataset)) throw new Error('not a dataset');
  return { shape: entity.shape ?? [], values: Float32Array.from(entity.value as Float32Array) };
}

function namesIn(group: h5.Group, attribute: string): string[] {
  const value = group.attrs[attribute]?.value;
  return Array.isArray(value) ? (value as string[]) : [];
}

/** The weights after a step: layer name to weight name (as in the golden files) to values. */
export function goldenWeights(name: string, step: StepName): Promise<Map<string, Map<string, Values>>> {
  return openFile(goldenPath(name, `${step}.h5`), (file) => {
    const layers = new Map<string, Map<string, Values>>();
    for (const layer of namesIn(file, 'layer_names')) {
      const group = file.get(layer) as h5.Group;
      const weights = new Map<string, Values>();
      for (const weight of namesIn(group, 'weight_names')) {
        weights.set(weight, valuesOf(group.get(weight)));
      }
      layers.set(layer, weights);
    }
    return layers;
  });
}

/** Inputs `x_i` and the outputs of the original model `y_original_i`; no outputs where the reference could not run. */
export function goldenIo(name: string): Promise<{ inputs: Values[]; outputs: Values[] }> {
  if (!existsSync(goldenPath(name, 'io.h5'))) {
    // A fixed pattern: channels_first, batch 2.
    const values = Float32Array.from({ length: 2 * 3 * 8 * 8 }, (_, index) => Math.sin(index));
    return Promise.resolve({ inputs: [{ shape: [2, 3, 8, 8], values }], outputs: [] });
  }
  return openFile(goldenPath(name, 'io.h5'), (file) => {
    const list = (prefix: string): Values[] => {
      const found: Values[] = [];
      for (let index = 0; file.get(`${prefix}${index}`); index++)
        found.push(valuesOf(file.get(`${prefix}${index}`)));
      return found;
    };
    return { inputs: list('x_'), outputs: list('y_original_') };
  });
}
