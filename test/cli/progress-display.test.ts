import { describe, expect, test } from 'vitest';
import { ProgressDisplay } from '../../src/cli/progress-display.ts';

/** A display on a stream of its own, with a clock that stands still until it is told to go on. */
function displayOn(stream: { readonly isTTY?: boolean; readonly columns?: number }) {
  let time = 50_000;
  const written: string[] = [];
  const write = (text: string): boolean => {
    written.push(text);
    return true;
  };
  const display = new ProgressDisplay({ ...stream, write } as never, () => time);
  display.begin({ quiet: false });
  return {
    display,
    wait: (ms: number): void => {
      time += ms;
    },
    /** What was written since the last look. */
    news: (): string[] => written.splice(0),
  };
}

/** Takes the line before away: up to it, and all from there. */
const AWAY = '\x1b[1A\r\x1b[J';

describe('on a terminal', () => {
  const terminal = { isTTY: true, columns: 60 };

  test('a whole line is written anew: what is done, its share, and the time left', () => {
    const { display, wait, news } = displayOn(terminal);
    display.say('reading net.keras', 'read');
    display.tell({ stage: 'read', done: 0, total: 8 });
    expect(news()).toEqual(['reading net.keras\n', `${AWAY}reading net.keras 0 %\n`]);
    wait(2000);
    display.tell({ stage: 'read', done: 2, total: 8 });
    expect(news()).toEqual([`${AWAY}reading net.keras 25 % · 6 s left\n`]);
    display.tell({ stage: 'read', done: 8, total: 8 });
    wait(500);
    display.tell({ stage: 'scale', done: 0, total: 160 });
    wait(500);
    display.tell({ stage: 'scale', done: 1, total: 160 });
    wait(500);
    display.tell({ stage: 'scale', done: 2, total: 160 });
    expect(news()).toEqual([`${AWAY}scale 0 %\n`, `${AWAY}scale 0 %\n`, `${AWAY}scale 1 % · 79 s left\n`]);
    wait(9000);
    display.tell({ stage: 'scale', done: 10, total: 160 });
    expect(news()).toEqual([`${AWAY}scale 6 % · 3 min left\n`]);
    display.clear();
    expect(news()).toEqual([AWAY]);
    display.clear();
    expect(news()).toEqual([]);
  });

  test('not more often than ten times a second, but for what is new', () => {
    const { display, wait, news } = displayOn(terminal);
    display.tell({ stage: 'fold', done: 0, total: 50 });
    for (let done = 1; done <= 50; done++) {
      wait(9);
      display.tell({ stage: 'fold', done, total: 50 });
    }
    display.tell({ stage: 'scale', done: 0, total: 160 });
    // 450 ms, and the two that are new.
    expect(news()).toEqual(
      ['fold 0 %\n'].concat(
        [24, 48, 72, 96].map((share) => `${AWAY}fold ${share} %\n`),
        `${AWAY}scale 0 %\n`,
      ),
    );
  });

  test('a run within a stage stands behind it', () => {
    const { display, wait, news } = displayOn(terminal);
    display.tell({ stage: 'try', done: 1, total: 4 });
    wait(1500);
    display.tell({ stage: 'run', done: 0, total: 10 });
    wait(1500);
    display.tell({ stage: 'run', done: 5, total: 10 });
    wait(1500);
    display.tell({ stage: 'try', done: 2, total: 4 });
    expect(news()).toEqual([
      'try 25 %\n',
      `${AWAY}try 25 % · run 0 % · 5 s left\n`,
      `${AWAY}try 25 % · run 50 % · 9 s left\n`,
      `${AWAY}try 50 % · 5 s left\n`,
    ]);
  });

  test('nothing in it is wider than the terminal, or writes on it itself', () => {
    const { display, news } = displayOn({ isTTY: true, columns: 20 });
    display.about('[2/5] net.keras');
    display.say('reading a\x1b[31m name that is long', 'read');
    expect(news()).toEqual(['[2/5] net.keras · r\n']);
    display.about('');
    display.say('a\x1b[31mb');
    expect(news()).toEqual([`${AWAY}a\\u001b[31mb\n`]);
  });

  test('where it says that it has no columns, as some do, 80 are taken', () => {
    const { display, news } = displayOn({ isTTY: true, columns: 0 });
    display.say('a'.repeat(100));
    expect(news()).toEqual([`${'a'.repeat(79)}\n`]);
  });
});

describe('elsewhere', () => {
  test('there is a line every ten seconds, and none before', () => {
    const { display, wait, news } = displayOn({});
    display.say('reading net.keras', 'read');
    wait(4000);
    display.tell({ stage: 'scale', done: 0, total: 160 });
    wait(5999);
    display.tell({ stage: 'scale', done: 10, total: 160 });
    expect(news()).toEqual([]);
    wait(1);
    display.tell({ stage: 'scale', done: 80, total: 160 });
    expect(news()).toEqual(['scale 50 % · 6 s left\n']);
    wait(9999);
    display.tell({ stage: 'scale', done: 90, total: 160 });
    expect(news()).toEqual([]);
    wait(1);
    display.say('writing out.keras', 'write');
    display.clear();
    expect(news()).toEqual(['writing out.keras\n']);
  });
});

test('where it is to be quiet there is nothing', () => {
  for (const stream of [{}, { isTTY: true, columns: 80 }]) {
    const { display, wait, news } = displayOn(stream);
    display.begin({ quiet: true });
    display.say('reading net.keras');
    wait(60_000);
    display.tell({ stage: 'scale', done: 1, total: 3 });
    display.clear();
    expect(news()).toEqual([]);
  }
});
