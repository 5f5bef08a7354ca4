/**
 * Which layer hurts, as rows of a table.
 *
 * @module
 */

import {
  type DamageReport,
  damageRanking,
  kernelSqnrText,
  type LayerDamage,
  short,
  tinyPercent,
} from 'crosslayer/report';
import type { Damage } from '../../protocol.ts';

/** What is ranked. */
export type RankedKind = 'all' | 'kernels' | 'tensors';

/** What it is ranked by: the damage of a side, or the SQNR of kernels. */
export type RankedBy = 'damage-before' | 'damage-after' | 'sqnr-before' | 'sqnr-after';

/** How layers are ranked. */
export interface Ranking {
  readonly kind: RankedKind;
  readonly by: RankedBy;
}

/** A row, with the share that its bar has. */
export interface DamageRow {
  readonly layer: string;
  /** The layer of a kernel, or what tensor it is. */
  readonly name: string;
  /** What makes its range wide, and whether equalizing mends it; empty for kernels, and where nothing stands out. */
  readonly remedy: string;
  /** Its part of what all kernels and tensors do; undefined where it has no such side. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly change: string;
  /** Of its kernel, in dB; undefined for tensors. */
  readonly sqnr: Sides<string | undefined>;
  /** Of the layer that hurts most, from 0 to 1, both in the unit of the damage before. */
  readonly bars: Sides<number>;
}

interface Sides<Value> {
  readonly before: Value;
  readonly after: Value;
}

/** Kernels and tensors, those first that hurt or lose most. */
export function damageRows({ report, weightSqnr }: Damage, ranking: Ranking): DamageRow[] {
  const all = damageRanking(report);
  const most = all.reduce((largest, { before, after }) => {
    return Math.max(largest, finite(before?.damage), finite(after?.damage));
  }, 0);
  const bar = (side: LayerDamage | null): number => (most > 0 ? finite(side?.damage) / most : 0);
  const [before, after] = [worstSqnr(weightSqnr.before), worstSqnr(weightSqnr.after)];
  const measured = all.map((one) => {
    const isKernel = one.kind === 'kernel';
    const sqnr = isKernel ? { before: before.get(one.layer), after: after.get(one.layer) } : NO_SQNR;
    return { ...one, sqnr };
  });
  return ranked(measured, ranking).map(({ layer, name, before, after, remedy, sqnr }) => ({
    layer,
    name,
    remedy: remedy ?? '',
    before: before === null ? undefined : shareText(before),
    after: after === null ? undefined : shareText(after),
    change: changeText(before, after),
    sqnr: { before: sqnrText(sqnr.before), after: sqnrText(sqnr.after) },
    bars: { before: bar(before), after: bar(after) },
  }));
}

const NO_SQNR: Sides<number | undefined> = { before: undefined, after: undefined };

type Measured = ReturnType<typeof damageRanking>[number] & { readonly sqnr: Sides<number | undefined> };

/** In the order of the damage before, unless another is asked for. */
function ranked(all: readonly Measured[], { kind, by }: Ranking): Measured[] {
  const shown = all.filter(
    (one) => kind === 'all' || one.kind === (kind === 'kernels' ? 'kernel' : 'tensor'),
  );
  switch (by) {
    case 'damage-before':
      return shown;
    case 'damage-after':
      return shown.sort((one, other) => finite(other.after?.damage) - finite(one.after?.damage));
    case 'sqnr-before':
    case 'sqnr-after': {
      const side = by === 'sqnr-before' ? 'before' : 'after';
      return shown
        .filter(({ sqnr }) => sqnr[side] !== undefined)
        .sort((one, other) => (one.sqnr[side] ?? 0) - (other.sqnr[side] ?? 0));
    }
  }
}

/** By layer, of the kernel that loses most. */
function worstSqnr(weights: Damage['weightSqnr']['before']): Map<string, number> {
  const worst = new Map<string, number>();
  for (const { layer, sqnr } of weights) worst.set(layer, Math.min(sqnr, worst.get(layer) ?? Infinity));
  return worst;
}

function sqnrText(sqnr: number | undefined): string | undefined {
  return sqnr === undefined ? undefined : kernelSqnrText(sqnr);
}

/** The share of a layer, with a question mark where it rests on nothing but its kernel. */
export function shareText({ share, isKnown }: LayerDamage): string {
  return `${Number.isFinite(share) ? tinyPercent(share) : 'not a number'}${isKnown ? '' : ' ?'}`;
}

/** How much less a layer does. */
export function changeText(before: LayerDamage | null, after: LayerDamage | null): string {
  if (before === null) return after === null ? '' : 'new layer';
  if (after === null) return '';
  if (before.damage === after.damage) return 'the same';
  if (after.damage === 0) return 'none left';
  const ratio = before.damage / after.damage;
  if (!Number.isFinite(ratio)) return '';
  if (Math.abs(ratio - 1) < 0.05) return 'the same';
  return ratio > 1 ? `${short(ratio)}\u00d7 less` : `${short(1 / ratio)}\u00d7 more`;
}

/** All layers together. */
export function improvementText({ improvementDb }: DamageReport): string {
  if (improvementDb === null) return 'How much less error there is in all is not known; the notes say why.';
  const amount = Math.abs(improvementDb).toFixed(1);
  if (amount === '0.0') return 'In all, as much error as before is expected.';
  return `In all, ${amount} dB ${improvementDb > 0 ? 'less' : 'more'} error is expected once the model is equalized.`;
}

function finite(value: number | undefined): number {
  return value !== undefined && Number.isFinite(value) ? value : 0;
}
