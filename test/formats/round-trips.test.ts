/**
 * Random models with strange names, numbers and weights through every format and back: what is not kept is said, or the
 * format refuses the model with a reason.
 */
import fc from 'fast-check';
import { afterAll, expect, test } from 'vitest';
import { CrosslayerError } from '../../src/errors.ts';
import { memorySource, readAll } from '../../src/formats/bytes.ts';
import type { ModelFormat } from '../../src/formats/format.ts';
import { openHdf5 } from '../../src/formats/hdf5/file.ts';
import { memoryFiles, readModel } from '../../src/formats/read.ts';
import { releaseModel } from '../../src/formats/release.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import { openZip } from '../../src/formats/zip/read.ts';
import { parsePythonJson } from '../../src/json/python-json.ts';
import type { JsonValue } from '../../src/json/value.ts';
import type { Dialect, Model } from '../../src/model/model.ts';
import { Tensor } from '../../src/tensor/tensor.ts';
import { hdf5File, kerasFile, wholeH5File } from '../support/made-files.ts';

/** Of each way; `ROUND_TRIPS` and `ROUND_TRIP_SEED` ask for more, and for others. */
const RUNS = Number(process.env['ROUND_TRIPS'] ?? 6);
const SEED = Number(process.env['ROUND_TRIP_SEED'] ?? 14);

const FORMATS: readonly ModelFormat[] = ['keras-v3', 'keras-h5', 'tfjs-layers'];
const MAIN: Readonly<Record<ModelFormat, string>> = {
  'keras-v3': 'model.keras',
  'keras-h5': 'model.h5',
  'tfjs-layers': 'model.json',
};

/** A Dense, a layer of somebody's own with `payload`, and another Dense. */
interface Case {
  readonly names: readonly string[];
  /** JSON. */
  readonly payload: string;
  readonly metadata: string;
  /** Kernel and bias of the two Dense, by their bits. */
  readonly bits: readonly Uint32Array<ArrayBuffer>[];
}

const STRANGE = [
  'constructor',
  '__proto__',
  'toString',
  'Größe',
  '層',
  'a b',
  'x:0',
  '.hidden',
  'batch_shape',
  '__keras_tensor__',
  'top_level_model_weights',
  'layer_names',
  'vars',
  'kernel',
  'model_weights',
  'a/b',
  'a/b/kernel',
  'a',
  '..',
  '\u202e',
  'line\nend',
  '"quoted"',
  '\\',
  'n'.repeat(3000),
  'NaN',
  '-0',
  'layers',
  'optimizer',
  '😀',
];
const name = fc.oneof(
  fc.constantFrom(...STRANGE),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }).filter((text) => !text.includes('\0')),
);
const NUMBERS = [
  '1',
  '1.0',
  '-0',
  '-0.0',
  '0',
  '9007199254740993',
  '12345678901234567890123',
  '1e308',
  '1E+2',
  '5e-324',
  '1e999',
  '0.1000000000000000055511151231257827',
  'NaN',
  'Infinity',
  '-Infinity',
  '-1.5e-7',
];
const key = fc.oneof(
  fc.constantFrom('constructor', '__proto__', 'toString', 'length', 'é'),
  fc.string({ maxLength: 4 }).map((text) => `k${text}`),
);
const { json } = fc.letrec<{ json: string; object: string }>((tie) => ({
  object: fc
    .dictionary(key, tie('json'), { maxKeys: 4 })
    .map((entries) => objectText(Object.entries(entries))),
  json: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...NUMBERS),
    name.map((text) => JSON.stringify(text)),
    fc.constantFrom('true', 'null'),
    fc.array(tie('json'), { maxLength: 3 }).map((items) => `[${items.join(',')}]`),
    tie('object'),
  ),
}));
const objectText = (entries: readonly (readonly [string, string])[]): string =>
  `{${entries.map(([one, text]) => `${JSON.stringify(one)}:${text}`).join(',')}}`;
const bits = (count: number): fc.Arbitrary<Uint32Array<ArrayBuffer>> =>
  fc
    .array(fc.oneof(fc.nat(0xffffffff), fc.constantFrom(0x80000000, 0x7f800000, 0xff800000, 0x7fc00001, 1)), {
      minLength: count,
      maxLength: count,
    })
    .map((values) => Uint32Array.from(values));
const models: fc.Arbitrary<Case> = fc.record({
  names: fc.uniqueArray(name, { minLength: 5, maxLength: 5 }),
  payload: json.map((value) => objectText([['value', value]])),
  metadata: json.map((value) => objectText([['kept', value]])),
  bits: fc.tuple(bits(6), bits(3), bits(9), bits(3)),
});

const q = JSON.stringify;

/** The configuration in the dialect. */
function configOf({ names, payload }: Case, dialect: Dialect): string {
  const [model = '', input = '', first = '', own = '', last = ''] = names;
  const shape = dialect === 'keras3' ? 'batch_shape' : 'batch_input_shape';
  const node = (from: string, width: number, kwargs: string): string =>
    dialect === 'keras3'
      ? `[{"args":[{"class_name":"__keras_tensor__","config":{"shape":[null,${width}],"dtype":"float32","keras_history":[${q(from)},0,0]}}],"kwargs":${kwargs}}]`
      : `[[[${q(from)},0,0,${kwargs}]]]`;
  const layer = (className: string, called: string, config: string, nodes: string): string =>
    `{"class_name":"${className}","name":${q(called)},"config":{"name":${q(called)},${config}},"inbound_nodes":${nodes}}`;
  const layers = [
    layer('InputLayer', input, `"${shape}":[null,2]`, '[]'),
    layer('Dense', first, '"units":3', node(input, 2, '{}')),
    layer('Own', own, `"payload":${payload}`, node(first, 3, '{"__proto__":2,"constructor":"x"}')),
    layer('Dense', last, '"units":3', node(own, 3, '{}')),
  ];
  const ends = (called: string): string =>
    dialect === 'keras3' ? `[${q(called)},0,0]` : `[[${q(called)},0,0]]`;
  const body = `"name":${q(model)},"layers":[${layers.join(',')}],"input_layers":${ends(input)},"output_layers":${ends(last)}`;
  return `{"class_name":"Functional","config":{${body}}}`;
}

function tensorsOf({ bits: [k1, b1, k2, b2] }: Case): Tensor[] {
  const shapes = [[2, 3], [3], [3, 3], [3]];
  return [k1, b1, k2, b2].map((values, index) =>
    Tensor.of('float32', shapes[index] ?? [], new Float32Array((values ?? new Uint32Array()).buffer)),
  );
}

/** The model as files of a format. */
async function filesOf(one: Case, format: ModelFormat, dialect: Dialect): Promise<Map<string, Uint8Array>> {
  const config = configOf(one, dialect);
  const [, input = '', first = '', own = '', last = ''] = one.names;
  const [k1, b1, k2, b2] = tensorsOf(one) as [Tensor, Tensor, Tensor, Tensor];
  switch (format) {
    case 'keras-v3': {
      const weights = await hdf5File({
        'layers/dense/vars/0': k1,
        'layers/dense/vars/1': b1,
        'layers/dense_1/vars/0': k2,
        'layers/dense_1/vars/1': b2,
      });
      const document = `${config.slice(0, -1)},"compile_config":${one.metadata}}`;
      return new Map([[MAIN[format], await kerasFile(document, weights)]]);
    }
    case 'keras-h5':
      return new Map([
        [
          MAIN[format],
          await wholeH5File(config, one.metadata, [
            [input, {}],
            [first, { kernel: k1, bias: b1 }],
            [own, {}],
            [last, { kernel: k2, bias: b2 }],
          ]),
        ],
      ]);
    case 'tfjs-layers': {
      const entry = (weight: string, shape: number[]): object => ({ name: weight, shape, dtype: 'float32' });
      const weights = [
        entry(`${first}/kernel`, [2, 3]),
        entry(`${first}/bias`, [3]),
        entry(`${last}/kernel`, [3, 3]),
        entry(`${last}/bias`, [3]),
      ];
      const manifest = q([{ paths: ['w.bin'], weights }]);
      const text = `{"modelTopology":${config},"weightsManifest":${manifest},"userDefinedMetadata":${one.metadata}}`;
      const bytes = one.bits.flatMap((values) => [...new Uint8Array(values.buffer)]);
      return new Map([
        [MAIN[format], new TextEncoder().encode(text)],
        ['w.bin', Uint8Array.from(bytes)],
      ]);
    }
  }
}

/** All text of JSON in a file. */
async function textOf(files: ReadonlyMap<string, Uint8Array>, format: ModelFormat): Promise<string> {
  const bytes = files.get(MAIN[format]) as Uint8Array<ArrayBuffer>;
  if (format === 'tfjs-layers') return new TextDecoder().decode(bytes);
  if (format === 'keras-h5') {
    const file = await openHdf5(memorySource('read', bytes));
    const text = file.strings('', 'model_config')?.[0] ?? '';
    file.close();
    return text;
  }
  const member = (await openZip(memorySource('read', bytes))).get('config.json');
  return new TextDecoder().decode(member ? readAll(await member.open()) : new Uint8Array());
}

/** The numbers in the text, as they are written, from the payload on to its end. */
function payloadNumbers(text: string): string[] {
  const plain = text.replaceAll(/"(?:[^"\\]|\\.)*"/g, (found) =>
    found === '"payload"' ? '"payload"' : '""',
  );
  const start = plain.indexOf('{', plain.indexOf('"payload"'));
  let end = start;
  for (let depth = 0; end < plain.length; end++) {
    if (plain[end] === '{') depth++;
    if (plain[end] === '}' && --depth === 0) break;
  }
  return plain.slice(start, end).match(/-?(Infinity|NaN|\d[\d.eE+-]*)|null/g) ?? [];
}

const isSpecial = (text: string): boolean => /NaN|Infinity/.test(text);

function weightBits(model: Model): string[] {
  return model.layers.flatMap(({ weights }) =>
    [...weights].map(([weight, tensor]) => {
      const bytes = [...tensor.blocks()].flatMap(({ values }) => {
        const { buffer, byteOffset, byteLength } = values;
        return [...new Uint8Array(buffer, byteOffset, byteLength)];
      });
      return `${weight} ${tensor.shape} ${bytes}`;
    }),
  );
}

function kwargsOf(model: Model): string[] {
  return model.calls.map(({ kwargs }) => q(Object.entries(kwargs)));
}

const tally = { kept: 0, refused: 0 };
const SOURCES = FORMATS.flatMap((format) =>
  (['keras2', 'keras3'] as const).flatMap((dialect) =>
    format === 'tfjs-layers' && dialect === 'keras3'
      ? []
      : FORMATS.map((target) => ({ format, dialect, target })),
  ),
);

test.each(SOURCES)('$format of $dialect to $target', async ({ format, dialect, target }) => {
  await fc.assert(
    fc.asyncProperty(models, fc.boolean(), async (one, isEdited) => {
      const files = await filesOf(one, format, dialect).catch(unlessRefused);
      const model = files && (await readModel(memoryFiles(files, MAIN[format])).catch(unlessRefused));
      if (!files || !model) return;
      if (isEdited) {
        const { operation } = model.layers[1] as Model['layers'][number];
        if (operation.kind !== 'dense') throw new TypeError('no Dense');
        (model.layers[1] as Model['layers'][number]).operation = {
          ...operation,
          activation: { kind: 'other', name: 'tanh' },
        };
      }
      const written = await writeModelToMemory(model, { format: target }).catch(unlessRefused);
      if (!written) return;
      tally.kept++;
      const { dropped, warnings } = written.report;
      const again = await readModel(memoryFiles(written.files, MAIN[target]));
      expect(weightBits(again)).toEqual(weightBits(model));
      expect(kwargsOf(again)).toEqual(kwargsOf(model));
      const names = model.layers.map((layer) => layer.name);
      const isRenamed = again.dialect === 'keras3' && dialect === 'keras2';
      if (isRenamed && names.some((text) => text.includes('/')))
        expect(warnings.join()).toContain('underscore');
      else expect(again.layers.map((layer) => layer.name)).toEqual(names);
      const source = payloadNumbers(await textOf(files, format));
      const expected =
        target === 'tfjs-layers' ? source.map((text) => (isSpecial(text) ? 'null' : text)) : source;
      expect(payloadNumbers(await textOf(written.files, target))).toEqual(expected);
      if (target === 'tfjs-layers' && source.some(isSpecial))
        expect(warnings.join()).toContain('written as null');
      const metadata = {
        'keras-v3': 'compile_config',
        'keras-h5': 'training_config',
        'tfjs-layers': 'userDefinedMetadata',
      }[format];
      if (target !== format) expect(dropped.join()).toContain(metadata);
      else {
        expect(dropped).toEqual([]);
        if (format === 'tfjs-layers') {
          const kept = (text: string): JsonValue =>
            (parsePythonJson(text) as { userDefinedMetadata: JsonValue }).userDefinedMetadata;
          const plain = one.metadata.replaceAll(/"(?:[^"\\]|\\.)*"|-?(Infinity|NaN)/g, (found) =>
            found.startsWith('"') ? found : 'null',
          );
          expect(q(kept(await textOf(written.files, target)))).toBe(q(parsePythonJson(plain)));
        }
      }
      releaseModel(again);
      releaseModel(model);
    }),
    { numRuns: RUNS, seed: SEED },
  );
});

afterAll(() => {
  // A refusal keeps everything as well; but most models are no hard ones.
  expect(tally.kept).toBeGreaterThan(2 * tally.refused);
});

/** What a format cannot hold is refused, by an error with a reason. */
function unlessRefused(error: unknown): undefined {
  if (!(error instanceof CrosslayerError)) throw error;
  tally.refused++;
}
