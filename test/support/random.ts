/** The generator that seeded inputs are made with. */
export { type SeededRandom as Random, seededRandom } from '../../src/verification/inputs/seeded-random.ts';
