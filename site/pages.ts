/**
 * The pages of the site: the guides of the repository, and where each of them lies.
 *
 * @module
 */

/** A part of the list of pages that stands on each of them. */
interface Part {
  readonly title: string;
  /** How much more than once its pages count in a search, since more people look for them. */
  readonly weight: number;
  /** Files of the repository, with what they are called in the list. */
  readonly pages: readonly (readonly [file: string, title: string])[];
}

/** All guides, in the order in which they are listed. */
export const PARTS: readonly Part[] = [
  {
    title: 'Start',
    weight: 2,
    pages: [
      ['README.md', 'What it is'],
      ['docs/tour.md', 'A tour'],
      ['docs/command.md', 'The command'],
      ['docs/library.md', 'The library'],
      ['docs/page.md', 'The page'],
      ['docs/tflite.md', 'A .tflite file'],
    ],
  },
  {
    title: 'Look up',
    weight: 1.5,
    pages: [
      ['docs/messages.md', 'Messages'],
      ['docs/models.md', 'Models'],
      ['docs/verification.md', 'Verification'],
      ['docs/porting.md', 'Coming from AIMET'],
      ['docs/json.md', 'Output as JSON'],
      ['docs/sidecar.md', 'The side-car'],
      ['examples/README.md', 'Examples'],
    ],
  },
  {
    title: 'Measured',
    weight: 1,
    pages: [
      ['docs/accuracy.md', 'Accuracy'],
      ['docs/benchmarks.md', 'Benchmarks'],
    ],
  },
  {
    title: 'The project',
    weight: 0.5,
    pages: [
      ['CHANGELOG.md', 'Changes'],
      ['CONTRIBUTING.md', 'Contributing'],
    ],
  },
];

/** What a page of the API reference counts in a search: where words fit both, a guide stands above it. */
export const REFERENCE_WEIGHT = 0.25;

/** What a file counts in a search; one that no list has is of the project. */
export function weightOf(file: string): number {
  const part = PARTS.find(({ pages }) => pages.some(([page]) => page === file));
  return part?.weight ?? 0.5;
}

/** Where a file of the repository lies in the site: Markdown as a page, all else as it is. */
export function placeOf(file: string): string {
  if (file === 'README.md') return 'index.html';
  return file.replace(/\.md$/, '.html');
}

/** A relative address of one place of the site in another. */
export function relativeAddress(from: string, to: string): string {
  const [folders, target] = [from.split('/').slice(0, -1), to.split('/')];
  let shared = 0;
  while (shared < folders.length && folders[shared] === target[shared]) shared++;
  return [...folders.slice(shared).map(() => '..'), ...target.slice(shared)].join('/');
}
