import { describe, expect, it } from 'vitest';
import { channelAt, stripDrawing } from '../../../src/report/strips/strip-drawing.ts';
import { scaledStrip } from '../../../src/report/strips/strip-scale.ts';

const NAMES = { before: 'as it is', after: 'equalized' };

describe('the drawing of a strip', () => {
  it('has both sides on one scale, a channel a unit wide around its number', () => {
    const before = { low: Float64Array.of(-55, 0), high: Float64Array.of(200, 20) };
    const after = { low: Float64Array.of(-155, -10), high: Float64Array.of(100, 10) };
    const drawing = stripDrawing(scaledStrip({ layer: 'a', weight: 'kernel', before, after }), NAMES);
    expect(drawing).toMatchObject({ channels: 2, lowest: -155, highest: 200, viewBox: '-0.5 -200 2 355' });
    expect(drawing?.panels.map(({ side, name, path }) => [side, name, path])).toEqual([
      ['before', 'as it is', 'M0 -200V55M1 -20V0'],
      ['after', 'equalized', 'M0 -100V155M1 -10V10'],
    ]);
  });

  it('has the side that there is, and is none where there is nothing to draw', () => {
    const ranges = { low: Float64Array.of(-1), high: Float64Array.of(1) };
    const zero = { low: Float64Array.of(0), high: Float64Array.of(0) };
    const drawn = (before: typeof ranges | undefined, after: typeof ranges | undefined) =>
      stripDrawing(scaledStrip({ layer: 'a', weight: 'kernel', before, after }), NAMES);
    expect(drawn(undefined, ranges)?.panels.map(({ side }) => side)).toEqual(['after']);
    expect(drawn(zero, ranges)?.panels.map(({ side }) => side)).toEqual(['after']);
    expect(drawn(zero, undefined)).toBeUndefined();
    expect(drawn({ low: Float64Array.of(NaN, 0), high: Float64Array.of(1, 1) }, zero)).toBeUndefined();
  });

  it('has gaps between few channels, and bars that can be seen where there are very many', () => {
    const widthOf = (channels: number): number | undefined => {
      const high = new Float64Array(channels).fill(1);
      const before = { low: high.map(() => 0), high };
      const strip = { layer: 'a', weight: 'kernel', before, after: undefined };
      return stripDrawing(scaledStrip(strip), NAMES)?.barWidth;
    };
    expect([3, 60, 100, 101, 500, 2000].map(widthOf)).toEqual([0.99, 0.8, 0.8, 1, 1, 4]);
  });
});

describe('the path of a strip', () => {
  const pathOf = (low: readonly number[], high: readonly number[]): string => {
    const before = { low: Float64Array.from(low), high: Float64Array.from(high) };
    const strip = { layer: 'a', weight: 'kernel', before, after: undefined };
    return stripDrawing(scaledStrip(strip), NAMES)?.panels[0]?.path ?? '';
  };

  it('draws a line that can be seen for channels of one value', () => {
    expect(pathOf([0, 100, -55], [0, 101, 200])).toBe('M0 -1V2M1 -102V-99M2 -200V55');
  });

  it('stays a short path for 2048 channels', () => {
    const high = Array.from({ length: 2048 }, (_, channel) => 1.23456789 / (1 + (channel % 7)));
    const path = pathOf(
      high.map((value) => -value),
      high,
    );
    expect(path.match(/M/g)).toHaveLength(2048);
    expect(path.length).toBeLessThan(32_000);
  });

  it('finds the channel under a pointer', () => {
    expect([-0.1, 0, 0.49, 0.5, 1, 2].map((share) => channelAt(share, 4))).toEqual([0, 0, 1, 2, 3, 3]);
  });
});
