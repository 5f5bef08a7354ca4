import { type Command, Option } from 'commander';
import { isTfliteFile } from '../../node/open-files.ts';
import { inspectContent, inspectSubject } from '../../report/html/inspect-content.ts';
import { type InspectReport, inspectModel } from '../../report/inspect-report.ts';
import {
  DAMAGE_TARGETS,
  type DamageReport,
  type DamageTarget,
  damageReport,
  type LayerDamage,
} from '../../report/layer-damage.ts';
import type { SidecarReport } from '../../report/sidecar-report.ts';
import { damageRanking } from '../../report/tensor-damage.ts';
import { count, decibels, grouped, shapeText, short, small, tinyPercent } from '../../text/numbers.ts';
import { type CommandResult, EXIT, shownAs } from '../command-result.ts';
import { explained } from '../help.ts';
import { checkHtmlOutput } from '../html-output.ts';
import { openModel } from '../opened-models.ts';
import { choiceOption, type ReportOptions, reportOptions, withOptions } from '../options.ts';
import { runModels } from '../run-models.ts';
import { readSidecarOf, type SidecarOptions, sidecarLines } from '../sidecar.ts';
import { indented, type Line, progress, SHOWN, styled, table } from '../terminal.ts';
import { UsageError } from '../usage-error.ts';

interface InspectOptions extends ReportOptions, SidecarOptions {
  readonly target?: DamageTarget;
  readonly equalized?: boolean;
}

/** `crosslayer inspect`: what is in the model. */
export function addInspect(root: Command): void {
  const command = root
    .command('inspect')
    .description(
      'show layers, batch norms, sets, spreads of channel ranges and which layer hurts, and change nothing',
    )
    .argument('<in...>', 'the model, or a .tflite file; or several of them');
  explained(
    withOptions(command, [
      choiceOption(
        '--target <what>',
        'what the weights would be quantized as (int8-per-tensor)',
        DAMAGE_TARGETS,
      ),
      new Option('--equalized', 'also what equalizing would leave of the damage; a page has it in any case'),
      new Option('--no-sidecar', 'do not read IN.crosslayer.json'),
      ...reportOptions('the report'),
    ]),
    {
      examples: [
        ['crosslayer inspect model.keras', 'layers, and which of them hurt in 8 bits'],
        ['crosslayer inspect model.keras --report model.html', 'the same as a page with pictures'],
        ['crosslayer inspect model.tflite', 'operators and grids of a file of any maker'],
      ],
    },
  ).action((inputs, options) => runModels(inputs, options, { run: inspectCommand }));
}

/** Runs `crosslayer inspect`. */
export async function inspectCommand(input: string, options: InspectOptions): Promise<CommandResult> {
  progress.say(`reading ${input}`, 'read');
  if (isTfliteFile(input)) {
    if (options.report !== undefined)
      throw new UsageError(`--report: there is none of ${input}; leave it out`);
    const { inspectTfliteCommand } = await import('./inspect-tflite.ts');
    return inspectTfliteCommand(input, options.json === true);
  }
  const model = await openModel(input);
  const writeHtml = checkHtmlOutput(options);
  const read = await readSidecarOf(model, { ...options, keepCorrections: true });
  const isEqualized = options.equalized === true || options.report !== undefined;
  const damage = await damageReport(model, options.target, {
    ...SHOWN,
    ...(isEqualized ? {} : { equalized: false }),
  });
  const report = { ...inspectModel(model), damage };
  const { improvementDb } = damage;
  const sidecar = { read, measured: [], written: null };
  writeHtml?.(() => inspectContent({ ...report, sidecar }, inspectSubject(model, report.damage.target)));
  return {
    ...shownAs(options.json, { ...report, sidecar }, () => render(report, sidecar, isEqualized)),
    ...(improvementDb === null ? {} : { verdict: improvementText(improvementDb) }),
    exitCode: EXIT.ok,
  };
}

function render(
  report: InspectReport & { readonly damage: DamageReport },
  sidecar: SidecarReport,
  isEqualized: boolean,
): Line[] {
  const verdicts = new Map(report.batchNorms.map((verdict) => [verdict.bn, verdict]));
  const rows = report.layers.map((layer) => {
    const verdict = verdicts.get(layer.layer);
    return [
      layer.layer,
      layer.className,
      shapeText(layer.outputShape ?? undefined),
      grouped(layer.parameters),
      layer.foldedRangeSpread === null ? '' : short(layer.foldedRangeSpread),
      verdict === undefined ? '' : verdict.into === null ? 'stays' : `into ${verdict.into}`,
    ];
  });
  const staying = report.batchNorms.flatMap(({ reason }) => reason?.message ?? []);
  return [
    [
      styled('bold', report.name),
      `: ${report.kind}, ${count(report.layers.length, 'layer')}, ${count(report.parameters, 'parameter')}`,
    ],
    ...sidecarLines(sidecar).before,
    ...report.notes.map((note): Line => [`note: ${note}`]),
    '',
    'max/median: the largest channel range of a kernel over the median one, with batch norms folded',
    '',
    ...table(['layer', 'class', 'output', 'parameters', 'max/median', 'batch norm'], rows, [3, 4]),
    ...section(
      `${count(report.clsSets.length, 'set')} to scale${report.relu6.length === 0 ? '' : `, once ${count(report.relu6.length, 'ReLU6')} became ReLU (step relu6)`}`,
      report.clsSets.map(
        ({ layers, reluBetween }) =>
          `${layers.join(' -> ')}${reluBetween.some(Boolean) ? '' : ' (no ReLU between)'}`,
      ),
    ),
    ...relu6Section(report),
    ...layerDamageSection(report.damage, isEqualized),
    ...section(`batch norms that stay (${staying.length})`, staying),
    ...section(
      `layers that are not scaled (${report.notScaled.length})`,
      report.notScaled.map(({ message }) => message),
    ),
  ];
}

/** What the step `relu6` would cost, layer by layer. */
function relu6Section({ relu6Damage }: InspectReport): Line[] {
  const known = relu6Damage.flatMap(({ layer, expected }) => (expected ? [{ layer, ...expected }] : []));
  const unknown = relu6Damage.flatMap(({ layer, expected }) => (expected ? [] : [layer]));
  const rows = known.map(({ layer, clippedShare, worstShare, meanLost, relativeLost }) => [
    layer,
    tinyPercent(clippedShare),
    tinyPercent(worstShare),
    small(meanLost),
    tinyPercent(relativeLost),
  ]);
  const header = ['layer', 'above 6', 'worst channel', 'mean grows by', 'of the mean'];
  return section('expected damage of the step relu6, by the statistics of batch norms', [
    ...(rows.length === 0 ? [] : table(header, rows, [1, 2, 3, 4])),
    ...(unknown.length === 0
      ? []
      : [`not known, because no batch norm stands right before: ${unknown.join(', ')}`]),
  ]);
}

/** Layers in the table; `--json` has all. */
const LAYERS_SHOWN = 15;

/** Which layer hurts; the second column of shares stands where equalizing was asked for. */
function layerDamageSection(damage: DamageReport, isEqualized: boolean): Line[] {
  const { target, improvementDb, notes } = damage;
  const ranked = damageRanking(damage);
  const shown = ranked.slice(0, LAYERS_SHOWN);
  const sides = isEqualized ? (['before', 'after'] as const) : (['before'] as const);
  const header = ['layer', 'as it is', 'equalized'].slice(0, 1 + sides.length);
  const rows = shown.map((one) => [one.name, ...sides.map((side) => shareText(one[side]))]);
  const more = ranked.length - shown.length;
  const activations = damage.tensors.length === 0 ? '' : ' and activations of 8 bits';
  return section(
    `which layer hurts: expected shares of the error of the outputs with ${target} weights${activations}`,
    [
      ...(rows.length === 0
        ? ['none: no kernel of finite numbers that could be quantized']
        : table(header, rows, [1, 2])),
      ...(more > 0 ? [`… and ${more} more; --json lists all`] : []),
      ...shown.flatMap(({ name, remedy }) => (remedy === null ? [] : [`${name}: ${remedy}`])),
      ...(improvementDb === null
        ? []
        : [`all together: ${improvementText(improvementDb)}; crosslayer evaluate measures it`]),
      ...notes,
      ...(isEqualized || rows.length === 0
        ? []
        : ['--equalized also tells what equalizing would leave of it']),
    ],
  );
}

function improvementText(db: number): string {
  return `${db >= 0 ? `${decibels(db)} less` : `${decibels(-db)} more`} error once equalized, as expected`;
}

function shareText(damage: LayerDamage | null): string {
  return damage === null ? '-' : `${damage.isKnown ? '' : '? '}${tinyPercent(damage.share)}`;
}

function section(title: string, lines: readonly Line[]): Line[] {
  return lines.length === 0 ? [] : ['', [styled('bold', title)], ...indented(lines)];
}
