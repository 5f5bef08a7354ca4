import type { SeededRandom } from './seeded-random.ts';

/** Waves in a picture, and of those that a channel has of its own: colours change less than brightness does. */
const SHARED_WAVES = 4;
const OWN_WAVES = 2;
/** Periods across the picture, at most. */
const HIGHEST_FREQUENCY = 3;

interface Wave {
  readonly down: number;
  readonly across: number;
  readonly phase: number;
  readonly amplitude: number;
}

/**
 * Fills `pixels`, `[height, width, channels]`, with slow waves, stretched so that they reach from 0 to 255 in every
 * channel.
 */
export function fillSmooth(
  pixels: Float32Array,
  size: { readonly height: number; readonly width: number; readonly channels: number },
  random: SeededRandom,
): void {
  const { height, width, channels } = size;
  const shared = Array.from({ length: SHARED_WAVES }, () => randomWave(random, 1));
  for (let channel = 0; channel < channels; channel++) {
    const own = Array.from({ length: OWN_WAVES }, () => randomWave(random, 0.5));
    const waves = [...shared, ...own];
    for (let row = 0, at = channel; row < height; row++) {
      for (let column = 0; column < width; column++, at += channels) {
        pixels[at] = heightOf(waves, row / height, column / width);
      }
    }
    stretch(pixels, channel, channels);
  }
}

function randomWave(random: SeededRandom, amplitude: number): Wave {
  const down = HIGHEST_FREQUENCY * (2 * random.uniform() - 1);
  const across = HIGHEST_FREQUENCY * (2 * random.uniform() - 1);
  return { down, across, phase: random.uniform(), amplitude: amplitude / (1 + Math.hypot(down, across)) };
}

function heightOf(waves: readonly Wave[], y: number, x: number): number {
  let sum = 0;
  for (const { down, across, phase, amplitude } of waves) {
    sum += amplitude * Math.cos(2 * Math.PI * (down * y + across * x + phase));
  }
  return sum;
}

/** A picture of one pixel has no range, and gets the middle. */
function stretch(pixels: Float32Array, channel: number, channels: number): void {
  let least = Infinity;
  let most = -Infinity;
  for (let at = channel; at < pixels.length; at += channels) {
    least = Math.min(least, pixels[at] ?? 0);
    most = Math.max(most, pixels[at] ?? 0);
  }
  const factor = most > least ? 255 / (most - least) : 0;
  for (let at = channel; at < pixels.length; at += channels) {
    const stretched = factor === 0 ? 127.5 : ((pixels[at] ?? 0) - least) * factor;
    // In float32 the largest may come out a little above 255.
    pixels[at] = Math.min(255, stretched);
  }
}
