/**
 * What the fair found, as tables of Markdown. Rows in which Keras 3 and Keras 2 agree are one.
 *
 * @module
 */

const KERAS = { keras3: 'Keras 3', keras2: 'Keras 2' };
const READERS = ['.keras', 'Keras 3 .h5', 'Keras 2 .h5', 'TF.js'];
const LONGEST_REASON = 110;

/** What a pass did not do. */
const UNDONE = {
  fold: 'not folded',
  scale: 'not scaled',
  correct: 'bias not corrected',
  carry: 'scale not carried',
};

/** The tables for docs/models.md, of the results of all models. */
export function modelTables(results) {
  return [
    '## What was done',
    '',
    ...table(
      [
        'model',
        'made by',
        'batch norms folded',
        'regions scaled',
        'biases corrected',
        'carried for TF.js',
        'same function',
        'left alone, and why',
      ],
      results,
      doneCells,
    ),
    '',
    '## What opens where',
    '',
    ...table(['model', 'made by', ...READERS, '`.tflite`'], results, openedCells),
  ].join('\n');
}

/** A row for each model, in the order of the results; one for both Keras where all cells are equal. */
function table(head, results, cellsOf) {
  const rows = new Map();
  for (const result of results) {
    const cells = cellsOf(result).join(' | ');
    const key = `${result.network} | ${cells}`;
    rows.set(key, {
      network: result.network,
      cells,
      by: [...(rows.get(key)?.by ?? []), KERAS[result.keras]],
    });
  }
  const networks = [...new Set(results.map(({ network }) => network))];
  const sorted = [...rows.values()].sort(
    (one, other) => networks.indexOf(one.network) - networks.indexOf(other.network),
  );
  return [
    `| ${head.join(' | ')} |`,
    `| ${head.map(() => '---').join(' | ')} |`,
    ...sorted.map(({ network, cells, by }) => `| ${network} | ${by.join(', ')} | ${cells} |`),
  ];
}

function doneCells({ targets, faults }) {
  if (!targets) return [shortened(faults.join('; ')), '', '', '', '', ''];
  const [plain, web] = [targets['int8-per-tensor'], targets['tfjs-uint8']];
  if (plain.refusal) return [shortened(plain.refusal), '', '', '', '', ''];
  return [
    ofAll(plain, 'fold', plain.folded),
    plain.regions === 0 ? '0' : `${plain.regions} (${plain.channels} channels)`,
    ofAll(plain, 'correct', plain.corrected),
    ofAll(web, 'carry', web.carried),
    proofCell(Object.values(targets)),
    reasonsOf([...plain.left, ...web.left.filter(({ pass }) => pass === 'carry')]) || 'nothing',
  ];
}

function ofAll({ left }, pass, count) {
  const all = count + left.filter((reason) => reason.pass === pass).length;
  return count === all ? `${all}` : `${count} of ${all}`;
}

/** The steps of all targets that keep the function: how many did, and how far outputs moved. */
function proofCell(targets) {
  const proofs = targets.flatMap(({ proofs }) => proofs).filter(({ keepsFunction }) => keepsFunction);
  const same = proofs.filter(({ verdict, undone }) => verdict === 'same' && undone === 0);
  const most = Math.max(...same.map(({ off }) => off));
  if (same.length === proofs.length) return `yes (${most.toExponential(0)})`;
  const [other] = proofs.filter((proof) => !same.includes(proof));
  if (same.length === 0 && other.verdict !== 'different') return `not run: ${shortened(other.reason)}`;
  return `${same.length} of ${proofs.length} steps: ${shortened(other.reason ?? `${other.undone} edits undone`)}`;
}

/** Distinct reasons, each with how often it was given, the most frequent first. */
function reasonsOf(left) {
  const counts = new Map();
  for (const reason of left) {
    const text = `${UNDONE[reason.pass]}: ${because(reason)}`;
    counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  return [...counts]
    .sort(([, one], [, other]) => other - one)
    .map(([text, count]) => `${count} ${text}`)
    .join('; ');
}

/** Of the sentence what is behind the colon, with the layers left out. */
function because({ code, message, before, behind, layers, activation, ...rest }) {
  switch (code) {
    case 'region':
      return `between ${border(before)} and ${border(behind)}`;
    case 'no-batch-norm-behind':
      return 'no batch norm behind it';
    case 'no-neighbour':
      return 'neither neighbour can take it';
    case 'several-consumers':
      return 'others read what lies between';
    case 'unknown-input':
      return 'means of what it reads are not known';
    case 'unknown-activation':
      return `output not seen before ${activation}`;
    case 'fused-activation':
      return `${activation} fused`;
    case 'padding':
      return 'zeros are padded behind it';
    case 'model-output':
      return 'an output of the model lies between';
    case 'shared-layer':
      return 'called several times';
    case 'shared-batch-norm':
      return 'its batch norm has other inputs too';
    default: {
      const names = [...layers, ...Object.values(rest).filter((value) => typeof value === 'string')];
      const text = message.slice(message.indexOf(': ') + 2);
      return names.reduce((sentence, name) => sentence.replaceAll(name, '…'), text);
    }
  }
}

function border({ code, layer, className, activation, where }) {
  switch (code) {
    case 'model-input':
      return 'the input';
    case 'model-output':
      return 'the output';
    case 'layout':
      return 'channels on other axes or not known';
    case 'no-other-kernel':
      return 'batch norms alone';
    default:
      // Keras 2 has one class for all operators, and their names in those of the layers.
      return className === 'TFOpLambda'
        ? layer.replace(/_\d+$/, '')
        : (className ?? activation ?? where ?? code);
  }
}

function openedCells({ files, tflite, faults }) {
  if (!tflite) return READERS.map(() => shortened(faults.join('; '))).concat('');
  return [...READERS.map((format) => opened(files.find((file) => file.format === format))), integers(tflite)];
}

function opened(file) {
  if (!file) return 'not equalized';
  const { refusal, isSame, off, reason, needed } = file;
  if (refusal) return `refused: ${shortened(refusal)}`;
  if (!isSame) return `**no**: ${shortened(reason)}`;
  const script = needed ? `, with crosslayer-layers.js for ${[...new Set(needed)].join(', ')}` : '';
  return `✓ (${off === 0 ? 'equal' : off.toExponential(0)})${script}`;
}

function integers({ refusal, partly, sqnrDb, notVerified }) {
  if (!refusal)
    return sqnrDb === null ? `✓, not run: ${shortened(notVerified ?? '')}` : `✓ ${sqnrDb.toFixed(0)} dB`;
  const reason = shortened(refusal);
  if (partly.refusal) return `refused: ${reason}`;
  const inFloat = `${partly.floatLayers.length} ${partly.floatLayers.length === 1 ? 'layer' : 'layers'} in float`;
  return `✓ ${partly.sqnrDb?.toFixed(0)} dB with --allow-float, ${inFloat}: ${reason}`;
}

/** The first clause of what the command says. */
function shortened(text) {
  const plain = text
    .replace(/^crosslayer: /, '')
    .replaceAll('|', '\\|')
    .split(/; (?!.*; )/)[0];
  return plain.length <= LONGEST_REASON ? plain : `${plain.slice(0, LONGEST_REASON - 1)}…`;
}
