import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  levelText,
  SPREAD_LEVELS,
  spreadLevel,
  spreadSentence,
  spreadText,
} from '../../../web/page/map/spread-scale.ts';

describe('the scale of spreads', () => {
  it('has a level for each bit', () => {
    expect([0.5, 1, 1.99, 2, 4, 63, 64, 1e9, Infinity].map(spreadLevel)).toEqual([0, 0, 0, 1, 2, 5, 6, 6, 6]);
    expect(spreadLevel(Number.NaN)).toBeUndefined();
  });

  it('says what a level covers', () => {
    expect([0, 1, 6].map(levelText)).toEqual(['below 2', '2 to 4', '64 and more']);
  });

  it('says what a spread means', () => {
    expect(spreadText(5.436)).toBe('5.44\u00d7');
    expect(spreadSentence(1.2)).toContain('even');
    expect(spreadSentence(64)).toContain('about 2 of 8 bits left');
    expect(spreadSentence(1e6)).toContain('about 0 of 8 bits left');
    expect(spreadSentence(Number.NaN)).toContain('not a number');
  });
});

/** Custom properties of the first block, and with those of the second for dark. */
function schemes(): { light: Map<string, string>; dark: Map<string, string> } {
  const css = readFileSync(new URL('../../../web/style/colours.css', import.meta.url), 'utf8');
  const [first = '', second = ''] = css.split('@media');
  const read = (text: string): [string, string][] =>
    [...text.matchAll(/--([\w-]+):\s*(#[0-9a-f]{3,8})/g)].map((one) => [one[1] ?? '', one[2] ?? '']);
  return { light: new Map(read(first)), dark: new Map([...read(first), ...read(second)]) };
}

function rgb(hex: string): number[] {
  const digits =
    hex.length === 4 ? [...hex.slice(1)].map((one) => one + one) : (hex.slice(1).match(/../g) ?? []);
  return digits.slice(0, 3).map((one) => {
    const share = Number.parseInt(one, 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
}

function luminance([red = 0, green = 0, blue = 0]: number[]): number {
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [low = 0, high = 0] = [one, other].map((hex) => luminance(rgb(hex))).sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

/** Vienot, Brettel and Mollon 1999: what is left of a colour without the cones for red, or for green. */
const BLINDNESSES: Record<string, number[][]> = {
  none: [
    [1, 0, 0],
    [0, 1, 0],
    [0, 0, 1],
  ],
  protanopia: [
    [0.11238, 0.88762, 0],
    [0.11238, 0.88762, 0],
    [0.00401, -0.00401, 1],
  ],
  deuteranopia: [
    [0.29275, 0.70725, 0],
    [0.29275, 0.70725, 0],
    [-0.02234, 0.02234, 1],
  ],
};

describe.each(['light', 'dark'] as const)('colours, %s', (scheme) => {
  const colours = schemes()[scheme];
  const colour = (name: string): string => colours.get(name) ?? '#000';

  it.each(Object.entries(BLINDNESSES))('tells levels apart by lightness alone (%s)', (_, matrix) => {
    const lightness = Array.from({ length: SPREAD_LEVELS }, (_, level) => {
      const seen = rgb(colour(`level-${level}`));
      return luminance(
        matrix.map((row) => row.reduce((sum, factor, index) => sum + factor * (seen[index] ?? 0), 0)),
      );
    });
    const towards = Math.sign((lightness[1] ?? 0) - (lightness[0] ?? 0));
    for (const [level, value] of lightness.entries()) {
      if (level > 0) expect(towards * (value - (lightness[level - 1] ?? 0))).toBeGreaterThan(0.01);
    }
    // More of it stands out more from the page.
    expect(contrast(colour('level-6'), colour('paper'))).toBeGreaterThan(7);
  });

  it('has text that can be read (WCAG AA)', () => {
    for (const paper of ['paper', 'raised']) {
      for (const ink of ['ink', 'soft', 'link', 'bad', 'good']) {
        expect(contrast(colour(ink), colour(paper)), `${ink} on ${paper}`).toBeGreaterThan(4.5);
      }
    }
    expect(contrast(colour('on-link'), colour('link'))).toBeGreaterThan(4.5);
    expect(contrast(colour('ink'), colour('bad-paper'))).toBeGreaterThan(4.5);
  });

  it('has edges and bars that can be seen (WCAG AA, 3 to 1)', () => {
    for (const mark of ['edge', 'before', 'after']) {
      expect(contrast(colour(mark), colour('paper')), mark).toBeGreaterThan(3);
    }
  });
});
