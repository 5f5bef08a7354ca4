/**
 * Which layer hurts, as rows of a table.
 *
 * @module
 */

import { type DamageReport, damageRanking, type LayerDamage, short, tinyPercent } from 'crosslayer/report';

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
  /** Of the layer that hurts most, from 0 to 1, both in the unit of the damage before. */
  readonly bars: { readonly before: number; readonly after: number };
}

/** Kernels and tensors, those first that hurt most before. */
export function damageRows(report: DamageReport): DamageRow[] {
  const ranked = damageRanking(report);
  const most = ranked.reduce((largest, { before, after }) => {
    return Math.max(largest, finite(before?.damage), finite(after?.damage));
  }, 0);
  const bar = (side: LayerDamage | null): number => (most > 0 ? finite(side?.damage) / most : 0);
  return ranked.map(({ layer, name, before, after, remedy }) => ({
    layer,
    name,
    remedy: remedy ?? '',
    before: before === null ? undefined : shareText(before),
    after: after === null ? undefined : shareText(after),
    change: changeText(before, after),
    bars: { before: bar(before), after: bar(after) },
  }));
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
  if (improvementDb === null)
    return 'By how much all layers together improve is not known; the notes say why.';
  const amount = Math.abs(improvementDb).toFixed(1);
  if (amount === '0.0') return 'All layers together are expected to do as much as before.';
  return `All layers together are expected to do ${amount} dB ${improvementDb > 0 ? 'less' : 'more'} once the model is equalized.`;
}

function finite(value: number | undefined): number {
  return value !== undefined && Number.isFinite(value) ? value : 0;
}
