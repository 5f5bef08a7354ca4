import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Operation } from '../../src/model/operation.ts';
import { reshapedChannels } from '../../src/model/reshaped-channels.ts';

const reshape: Operation = { kind: 'reshape', targetShape: [] };
const flatten: Operation = { kind: 'flatten', dataFormat: 'channels_last' };
const flattenFirst: Operation = { kind: 'flatten', dataFormat: 'channels_first' };

/** What becomes of tensors `[batch, ...from]` with their channels on `axis`, and where; with the batch counted. */
function reshaped(
  from: readonly (number | null)[],
  axis: number,
  to: readonly (number | null)[],
  operation: Operation = reshape,
): ReturnType<typeof reshapedChannels> {
  const source = { axis: axis - from.length - 1, channels: from[axis - 1] ?? 0 };
  const found = reshapedChannels(source, [null, ...from], [null, ...to], operation);
  return found && { ...found, axis: found.axis + to.length + 1 };
}

describe('reshapedChannels', () => {
  it('fans channels out to their positions', () => {
    expect(reshaped([2, 2, 3], 3, [12], flatten)?.places.join('')).toBe('012012012012');
    expect(reshaped([3, 2, 2], 1, [12])?.places.join('')).toBe('000011112222');
    expect(reshaped([2, 2, 3], 3, [2, 6])).toMatchObject({ axis: 2, length: 6, kind: 'fan-out' });
  });

  it('has Keras move the first axis behind the others before a flatten with channels first', () => {
    expect(reshaped([3, 2, 2], 1, [12], flattenFirst)?.places.join('')).toBe('012012012012');
    // Channels that lie last all the same: [H, W, C] becomes [W, C, H].
    expect(reshaped([2, 2, 3], 3, [12], flattenFirst)?.places.join('')).toBe('001122001122');
    expect(reshaped([4], 1, [4], flattenFirst)?.places.join('')).toBe('0123');
  });

  it('follows channels that stay on one axis, whatever the sizes around it', () => {
    expect(reshaped([4], 1, [1, 1, 4])).toMatchObject({ axis: 3, kind: 'fan-out' });
    expect(reshaped([4], 1, [4, 1, 1])).toMatchObject({ axis: 1, kind: 'fan-out' });
    expect(reshaped([null, null, 4], 3, [null, 4])).toMatchObject({ axis: 2, kind: 'fan-out' });
    expect(reshaped([4, 2, 3], 1, [4, 6])).toMatchObject({ axis: 1, kind: 'fan-out' });
  });

  it('takes channels together that come to lie on one place', () => {
    const found = reshaped([12], 1, [2, 2, 3]);
    expect(found).toMatchObject({ axis: 3, length: 3, kind: 'fan-in' });
    expect(found?.places.join('')).toBe('012012012012');
  });

  it('knows nothing where channels spread over axes, or sizes are not known', () => {
    expect(reshaped([2, 2, 6], 3, [6, 4])).toBeUndefined();
    expect(reshaped([6, 4], 1, [4, 6])).toBeUndefined();
    expect(reshaped([4, null, 2], 1, [null])).toBeUndefined();
    expect(reshaped([2, null, 4], 3, [null])).toBeUndefined();
  });

  it('puts each element where C order does', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 });
    let found = 0;
    fc.assert(
      fc.property(sizes, fc.nat(2), fc.integer({ min: 1, max: 6 }), (from, at, split) => {
        const axis = (at % from.length) + 1;
        const total = from.reduce((product, size) => product * size, 1);
        fc.pre(total % split === 0);
        const to = [split, total / split];
        const result = reshaped(from, axis, to);
        if (!result) return;
        found++;
        const inner = from.slice(axis).reduce((product, size) => product * size, 1);
        const innerOfTarget = to.slice(result.axis).reduce((product, size) => product * size, 1);
        for (let element = 0; element < total; element++) {
          const channel = Math.floor(element / inner) % (from[axis - 1] ?? 1);
          const place = Math.floor(element / innerOfTarget) % (to[result.axis - 1] ?? 1);
          if (result.kind === 'fan-out') expect(result.places[place]).toBe(channel);
          else expect(result.places[channel]).toBe(place);
        }
      }),
      { seed: 1, numRuns: 500 },
    );
    expect(found).toBeGreaterThan(200);
  });
});
