/**
 * Side-cars in commands: what is read, what is measured in their stead, and what is said about it.
 *
 * @module
 */

import { measureStatistics } from '../equalization/moments/measured-moments.ts';
import type { Sidecar } from '../equalization/sidecar/sidecar.ts';
import { unlessCannotRun } from '../errors.ts';
import type { Model } from '../model/model.ts';
import { type FoundSidecar, type RestoreOptions, restoreFromSidecar, sidecarName } from '../node/sidecar.ts';
import type { SidecarReport } from '../report/sidecar-report.ts';
import { count } from '../text/numbers.ts';
import type { InputOptions, Ready } from './chosen-inputs.ts';
import { SHOWN } from './terminal.ts';

/** Whether side-cars are read and written. */
export interface SidecarOptions {
  /** False with `--no-sidecar`. */
  readonly sidecar?: boolean;
}

/** What was found beside the input; undefined where there is nothing, or where it is not to be read. */
export type ReadSidecar = NonNullable<SidecarReport['read']>;

/** Takes what the side-car beside the input has, unless `sidecar` is false. Edits `model`. */
export async function readSidecarOf(
  model: Model,
  options: RestoreOptions & SidecarOptions,
): Promise<ReadSidecar | null> {
  if (options.sidecar === false) return null;
  const found = await restoreFromSidecar(model, { ...options, ...SHOWN });
  if (found.state === 'none') return null;
  const isRestored = found.state === 'restored';
  return {
    file: found.file,
    state: found.state,
    message: messageOf(found),
    layers: isRestored ? found.layers : 0,
    takenBack: isRestored ? found.takenBack : [],
  };
}

function messageOf(found: Exclude<FoundSidecar, { readonly state: 'none' }>): string {
  const { file } = found;
  switch (found.state) {
    case 'restored':
      return [`statistics of ${count(found.layers, 'layer')} from ${file}`, ...correctionsIn(found)].join(
        '; ',
      );
    case 'stale':
      return (
        `${file} is not used: it belongs to another version of this model (the SHA-256 differs); ` +
        'equalize the original again, or delete it'
      );
    case 'unreadable':
      return `${file} is not used: ${found.reason.replace(`${file}: `, '')}; delete it, or ignore it with --no-sidecar`;
  }
}

function correctionsIn({
  sidecar,
  takenBack,
  unknown,
}: Extract<FoundSidecar, { readonly state: 'restored' }>): string[] {
  const what = takenBack.length === 0 ? 'corrected' : 'no longer corrected';
  return [
    ...(sidecar.corrections.length === 0 ? [] : [corrections(sidecar, what)]),
    ...(unknown.length === 0
      ? []
      : [`${count(unknown.length, 'layer')} in it not found: ${unknown.join(', ')}`]),
  ];
}

function corrections({ corrections: list }: Sidecar, what: string): string {
  const quantizers = [...new Set(list.map(({ quantizer }) => quantizer))];
  return `${count(list.length, 'bias', 'biases')} ${what} for ${quantizers.join(', ')}`;
}

/** Takes back the corrections that the side-car of a model tells of; undefined where it knows of none. Edits `model`. */
export async function correctionsTakenBack(
  model: Model,
  { sidecar }: SidecarOptions,
): Promise<{ readonly file: string; readonly what: string } | undefined> {
  if (sidecar === false) return undefined;
  const found = await restoreFromSidecar(model, SHOWN);
  if (found.state !== 'restored' || found.sidecar.corrections.length === 0) return undefined;
  return { file: found.file, what: corrections(found.sidecar, 'corrected') };
}

/** Measures on inputs that were given what neither batch norms nor a side-car tell. Edits `model`. */
export async function measureUnknown(
  model: Model,
  ready: Ready | undefined,
  { inputs }: InputOptions,
): Promise<readonly string[]> {
  if (inputs === undefined || !ready || !('runner' in ready)) return [];
  const { runner, tensors } = ready;
  // The proof has the reason.
  return unlessCannotRun(
    () => measureStatistics(model, { runner, inputs: tensors, ...SHOWN }),
    () => [],
  );
}

/** The lines of a summary about side-cars; those in `before` tell what the recipe started from. */
export function sidecarLines({ read, measured, written }: SidecarReport): {
  readonly before: readonly string[];
  readonly after: readonly string[];
} {
  return {
    before: [
      ...(read === null ? [] : [`side-car: ${read.message}`]),
      ...(measured.length === 0
        ? []
        : [
            `statistics of ${count(measured.length, 'layer')}, which no batch norm tells, measured on the inputs`,
          ]),
    ],
    after:
      written === null ? [] : [`side-car: ${written} keeps statistics and what was done, for the next time`],
  };
}

/** Where the side-car goes; null where none is asked for. */
export function writtenSidecar(output: string, { sidecar }: SidecarOptions): string | null {
  return sidecar === false ? null : sidecarName(output);
}
