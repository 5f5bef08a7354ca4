import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CrosslayerError } from '../../src/errors.ts';
import { memoryFiles, readModel } from '../../src/formats/read.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import { fixtures } from './tfjs-runtime.ts';

const folder = join(fixtures, 'tfjs/functional_mixed');
const files = new Map(
  readdirSync(folder).map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]),
);
const json = new TextDecoder().decode(files.get('model.json'));

/** Reads the model and all of its weights, and writes it. */
async function readAll(text: string): Promise<void> {
  const model = await readModel(
    memoryFiles(new Map([...files, ['model.json', new TextEncoder().encode(text)]]), 'model.json'),
  );
  for (const { layer } of model.allLayers()) for (const tensor of layer.weights.values()) tensor.values();
  for (const format of ['tfjs-layers', 'keras-v3', 'keras-h5'] as const)
    await writeModelToMemory(model, { format });
}

/** Whether reading ends well or in an error of ours. */
async function escapes(text: string): Promise<unknown> {
  try {
    await readAll(text);
    return undefined;
  } catch (error) {
    return error instanceof CrosslayerError ? undefined : error;
  }
}

test('a model.json that ends anywhere is an error of ours', async () => {
  for (let length = 0; length < json.length; length += 97) {
    await expect(readAll(json.slice(0, length))).rejects.toBeInstanceOf(CrosslayerError);
  }
});

type Node = Record<string | number, unknown>;

/** All places in a document that hold something. */
function places(node: unknown): [Node, string | number][] {
  if (typeof node !== 'object' || node === null) return [];
  const keys = Array.isArray(node) ? node.keys() : Object.keys(node);
  return [...keys].flatMap((key) => [
    [node as Node, key] as [Node, string | number],
    ...places((node as Node)[key]),
  ]);
}

test('a model.json with anything in place of anything is read or is an error of ours', async () => {
  const count = places(JSON.parse(json)).length;
  await fc.assert(
    fc.asyncProperty(
      fc.nat(count - 1),
      fc.oneof(fc.constantFrom(null, 0, -1, 1e300, '', '__proto__', [], {}, [null], true), fc.jsonValue()),
      async (index, value) => {
        const document = JSON.parse(json);
        const [node, key] = places(document)[index]!;
        node[key] = value;
        expect(await escapes(JSON.stringify(document))).toBeUndefined();
      },
    ),
    { numRuns: 300, seed: 1 },
  );
});
