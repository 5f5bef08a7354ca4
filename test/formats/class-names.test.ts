import { describe, expect, it } from 'vitest';
import { equalize } from '../../src/equalization/equalize.ts';
import type { ModelFormat } from '../../src/formats/format.ts';
import { memoryFiles, readModel } from '../../src/formats/read.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import type { Model } from '../../src/model/model.ts';
import { buildModel, input, layer } from '../support/model-builder.ts';

const FORMATS = ['tfjs-layers', 'keras-h5', 'keras-v3'] as const;
/** Names that every plain object of JavaScript knows. */
const NAMES = ['constructor', 'toString', '__proto__', 'valueOf', 'hasOwnProperty'];

/** Two layers whose channels are scaled by what stands between them, in whose place a file has a layer of that class. */
async function around(className: string, name: string, format: ModelFormat): Promise<Model> {
  const model = buildModel([
    input('x', [1]),
    layer('Dense', 'before', { units: 3 }, { weights: { kernel: [1, 100, 0.01] } }),
    layer('ReLU', 'between'),
    layer('Dense', 'behind', { units: 1 }, { weights: { kernel: [1, 1, 1] } }),
  ]);
  const { files } = await writeModelToMemory(model, { format: 'tfjs-layers' });
  const entry = (text: string): string => `"${text}":1`;
  const document = new TextDecoder()
    .decode(files.get('model.json'))
    .replace('"class_name":"ReLU","config":{', `"class_name":"${className}","config":{${entry(name)},`)
    .replaceAll('"between"', `"${name}"`)
    .replace(`[["${name}",0,0,{}]]`, `[["${name}",0,0,{${entry(name)}}]]`);
  files.set('model.json', new TextEncoder().encode(document));
  const read = await readModel(memoryFiles(files, 'model.json'));
  return format === 'tfjs-layers' ? read : throughFiles(read, format);
}

async function throughFiles(model: Model, format: ModelFormat): Promise<Model> {
  const { files } = await writeModelToMemory(model, { format });
  return readModel(memoryFiles(files, [...files.keys()][0] ?? ''));
}

const kernelOf = (model: Model): number[] => [...model.layer('before').requireWeight('kernel').toFloat64()];

describe.each(FORMATS)('in %s', (format) => {
  it.each(NAMES)('nothing is scaled across a class called %s', async (className) => {
    const model = await around(className, 'between', format);
    const { operation, className: found } = model.layer('between');
    expect([found, operation]).toEqual([className, { kind: 'opaque' }]);
    const kernel = kernelOf(model);
    const { model: equalized } = await equalize(model, { target: 'float' });
    expect(kernelOf(equalized)).toEqual(kernel);
  });

  it('it is across one that is known', async () => {
    const model = await around('ReLU', 'between', format);
    const { model: equalized } = await equalize(model, { target: 'float' });
    expect(kernelOf(equalized)).not.toEqual(kernelOf(model));
  });

  it.each(NAMES)('a layer, an entry and an argument called %s stay', async (name) => {
    const model = await throughFiles(await around('Custom', name, format), format);
    expect(Object.entries(model.layer(name).readConfig)).toContainEqual([name, 1]);
    const call = model.calls.find((one) => one.layer.name === 'behind');
    expect(Object.entries(call?.kwargs ?? {})).toEqual([[name, { value: 1 }]]);
  });
});
