import type { Model } from '../../model/model.ts';
import type { QuantizerName } from '../../quantization/quantizer.ts';
import { count, decibels, grouped, tinyPercent } from '../../text/numbers.ts';
import type { InspectReport } from '../inspect-report.ts';
import type { DamageReport } from '../layer-damage.ts';
import { plainModel } from '../plain-model.ts';
import { damageRanking } from '../tensor-damage.ts';
import { kernelFacts } from './kernel-facts.ts';
import { noteSection, skippedSection } from './proof-blocks.ts';
import {
  type DamageShare,
  type Fact,
  list,
  type ReportContent,
  type ReportSection,
  table,
  text,
} from './report-content.ts';
import { type ReportSubject, reportSubject } from './report-subject.ts';

/** Layers in the ranking; the table of layers has all. */
const RANKED = 10;

/** The kernels of a model as they are, and with batch norms folded. */
export function inspectSubject(model: Model, quantizer: QuantizerName): ReportSubject {
  const labels = { before: 'as it is', after: 'folded' };
  return reportSubject(model, { before: model, after: plainModel(model, 'float'), quantizer, labels });
}

/** What an inspection says to people. */
export function inspectContent(report: InspectReport, subject: ReportSubject): ReportContent {
  const { kind, layers, parameters, batchNorms, clsSets, relu6, notScaled, damage, sidecar, notes } = report;
  const folded = batchNorms.filter(({ into }) => into !== null);
  return {
    subject,
    purpose: `Inspected, not changed: a ${kind} model of ${count(layers.length, 'layer')}`,
    facts: [
      ['Parameters', grouped(parameters)],
      ...kernelFacts(subject),
      ['Batch norms that fold', `${folded.length} of ${batchNorms.length}`],
      ['Sets of layers to scale', String(clsSets.length)],
      ...gainFact(damage),
    ],
    sections: [
      ...(damage ? [damageSection(damage)] : []),
      {
        title: 'What equalization would do',
        blocks: [
          ...list('ReLU6 that the step relu6 would make ReLU', relu6.map(relu6Text(report))),
          ...list(
            'Batch norms that fold',
            folded.map(({ bn, into }) => `${bn} into ${into}`),
          ),
          ...list(
            'Sets of layers to scale',
            clsSets.map(({ layers, reluBetween }) => {
              const linear = reluBetween.some(Boolean) ? '' : ' (no ReLU between)';
              return `${layers.join(' → ')}${linear}`;
            }),
          ),
        ],
      },
      skippedSection([...batchNorms.flatMap(({ reason }) => reason ?? []), ...notScaled]),
      noteSection({ dropped: [], warnings: notes, ...(sidecar ? { sidecar } : {}) }),
    ],
    damage: damageShares(damage),
    report,
  };
}

function gainFact(damage: DamageReport | undefined): Fact[] {
  if (!damage || damage.improvementDb === null) return [];
  return [[`Expected gain of equalizing for ${damage.target}`, decibels(damage.improvementDb)]];
}

function damageSection(damage: DamageReport): ReportSection {
  const { target, tensors, notes } = damage;
  const ranked = damageRanking(damage)
    .filter(({ before }) => before !== null)
    .slice(0, RANKED);
  const rows = ranked.map(({ name, before, after }) => [
    name,
    ...[before, after].map((side) => (side ? tinyPercent(side.share) : '')),
  ]);
  const rounded = tensors.length === 0 ? 'kernels' : 'kernels, and the tensors between layers,';
  return {
    title: 'Which layers hurt',
    blocks: [
      text(
        `What each layer adds to the error of the outputs when ${rounded} are quantized for ${target}, as expected. ` +
          'Each column has parts of its own total: the model as it is, and equalized for that target.',
      ),
      table(['Layer', 'As it is', 'Equalized'], rows, [1, 2]),
      ...list(
        'Why tensors hurt',
        ranked.flatMap(({ name, remedy }) => (remedy === null ? [] : `${name}: ${remedy}`)),
      ),
      ...list('What could not be told', notes),
    ],
  };
}

function damageShares(damage: DamageReport | undefined): Map<string, DamageShare> {
  const layers = damage?.layers ?? [];
  return new Map(
    layers.map(({ layer, before, after }) => [layer, { before: before?.share, after: after?.share }]),
  );
}

function relu6Text({ relu6Damage }: InspectReport): (layer: string) => string {
  const known = new Map(relu6Damage.map(({ layer, expected }) => [layer, expected]));
  return (layer) => {
    const expected = known.get(layer);
    return expected
      ? `${layer}: ${tinyPercent(expected.clippedShare)} of its values are expected above 6`
      : layer;
  };
}
