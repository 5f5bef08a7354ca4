import { describe, expect, it } from 'vitest';
import { channelAt, stripPath, stripY } from '../../../web/page/map/strip-paths.ts';

const FRAME = { width: 100, top: 0, height: 10, lowest: -5, highest: 5 };

describe('the path of a strip', () => {
  it('has a bar from the least to the largest weight of each channel', () => {
    const path = stripPath({ low: Float64Array.of(-5, 0), high: Float64Array.of(5, 2.5) }, FRAME);
    // 50 wide each, with a gap of 2.
    expect(path).toBe('M1 0h48v10h-48zM51 2.5h48v2.5h-48z');
  });

  it('leaves out channels that are not finite, and draws a line for those of one value', () => {
    const path = stripPath({ low: Float64Array.of(Number.NaN, 0), high: Float64Array.of(1, 0) }, FRAME);
    expect(path).toBe('M51 5h48v1h-48z');
  });

  it('stays a short path for 2048 channels', () => {
    const low = new Float64Array(2048).fill(-1.23456789);
    const path = stripPath({ low, high: low.map((value) => -value) }, { ...FRAME, width: 1000 });
    expect(path.match(/M/g)).toHaveLength(2048);
    expect(path.length).toBeLessThan(80_000);
  });

  it('puts everything in the middle where nothing varies', () => {
    expect(stripY(0, { ...FRAME, lowest: 0, highest: 0 })).toBe(5);
  });

  it('finds the channel under a pointer', () => {
    expect([-0.1, 0, 0.49, 0.5, 1, 2].map((share) => channelAt(share, 4))).toEqual([0, 0, 1, 2, 3, 3]);
  });
});
