import { expect, test } from 'vitest';
import { worstOutput } from '../../src/report/worst-output.ts';

test('the worst of several outputs, each number on its own', () => {
  const outputs = [
    { sqnrDb: 30, top1Agreement: 0.9 },
    { sqnrDb: 20, top1Agreement: null },
    { sqnrDb: Infinity, top1Agreement: 1 },
  ];
  expect(worstOutput(outputs)).toEqual({ sqnrDb: 20, top1Agreement: 0.9 });
  expect(worstOutput(outputs.slice(1, 2))).toEqual({ sqnrDb: 20, top1Agreement: null });
  expect(worstOutput([])).toEqual({ sqnrDb: Infinity, top1Agreement: null });
});
