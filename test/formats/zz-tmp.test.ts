import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { memoryFiles, readModel } from '../../src/formats/read.ts';
import { writeModelToMemory } from '../../src/formats/write.ts';
import { fixtures } from './tfjs-runtime.ts';
mkdirSync('/tmp/ctf/out', { recursive: true });
for (const dir of readdirSync(fixtures)) {
  if (!/keras|tfjs|odd/.test(dir) || dir.endsWith('.py')) continue;
  for (const f of readdirSync(join(fixtures, dir))) {
    if (!f.endsWith('.h5') && !f.endsWith('.keras') && dir !== 'tfjs' || f.endsWith('.json')) continue;
    test(`${dir}/${f}`, async () => {
      for (const format of ['keras-v3', 'keras-h5', 'tfjs-layers'] as const) {
      try {
        const path = join(fixtures, dir, f);
        const input = dir === 'tfjs' ? memoryFiles(new Map(readdirSync(path).map((n) => [n, new Uint8Array(readFileSync(join(path, n)))])), 'model.json') : new Uint8Array(readFileSync(path));
        let model = await readModel(input as never, f);
        if (format === 'tfjs-layers') { // there and back
          if (model.origin?.format === 'tfjs-layers') continue;
          const { files } = await writeModelToMemory(model, { format });
          model = await readModel(memoryFiles(files, 'model.json'));
        }
        if (format === 'keras-v3' && model.origin?.format === format) continue;
        const { files, report } = await writeModelToMemory(model, { format: format === 'tfjs-layers' ? 'keras-h5' : format, name: 'x' });
        const out = `/tmp/ctf/out/${dir}__${f}__${format}__${model.dialect}.${format === 'keras-v3' ? 'keras' : 'h5'}`;
        writeFileSync(out, files.get('x')!);
        writeFileSync(out + '.expected.json', readFileSync(path + '.expected.json'));
        if (report.warnings.length) console.log(dir, f, format, report.warnings);
      } catch (e) { console.log(`${dir}/${f} ${format}: THROW ` + (e as Error).name + ' ' + (e as Error).message.slice(0, 300)); }
      }
    });
  }
}
