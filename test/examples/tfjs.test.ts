import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../examples/tfjs.mjs';

let printed: string[] = [];

beforeEach(() => {
  printed = [];
  vi.spyOn(console, 'log').mockImplementation((line: string) => printed.push(line));
});

afterEach(() => {
  vi.restoreAllMocks();
});

describe('examples/tfjs.mjs', () => {
  it('equalizes a live model, which predicts the same, and leaves no tensor behind', async () => {
    await main();
    const difference = /^largest difference between the predictions: (.+)$/.exec(printed[4] ?? '')?.[1];
    expect(printed).toEqual([
      '0 ReLU6 replaced',
      '5 batch norms folded',
      '2 sets scaled',
      '17 layers before, 12 after',
      expect.any(String),
      '0 tensors left',
    ]);
    // Probabilities in float32, a step of 6e-8, behind six layers.
    expect(Number(difference)).toBeLessThan(1e-6);
  });
});
