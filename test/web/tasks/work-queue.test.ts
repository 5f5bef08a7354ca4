import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PATIENCE, WorkQueue } from '../../../web/page/tasks/work-queue.ts';
import type { Engine } from '../../../web/worker-client.ts';

/** An engine whose operations end when the test says so; it refuses a second one, as the real one does. */
class SlowEngine implements Engine {
  readonly begun: string[] = [];
  #end: ((outcome: 'done' | Error) => void) | undefined;

  run(name: string, _asked: unknown, options: { signal?: AbortSignal } = {}): Promise<never> {
    if (this.#end) throw new Error('busy');
    this.begun.push(name);
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        this.#end = undefined;
        act();
      };
      this.#end = (outcome) => settle(() => (outcome === 'done' ? resolve(name as never) : reject(outcome)));
      options.signal?.addEventListener('abort', () => settle(() => reject(options.signal?.reason)));
    });
  }

  async end(outcome: 'done' | Error = 'done'): Promise<void> {
    this.#end?.(outcome);
    await settled();
  }

  dispose(): void {}
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const patience = (): void => void vi.advanceTimersByTime(PATIENCE);
beforeAll(() => void vi.useFakeTimers({ toFake: ['setTimeout'] }));
afterAll(() => void vi.useRealTimers());

const DAMAGE = { target: 'int8-per-tensor', relu6: 'exact' } as const;
const EQUALIZE = { target: 'float', relu6: 'keep', verify: false } as const;

describe('the queue of work', () => {
  it('runs one thing after the other, what is asked first', async () => {
    const engine = new SlowEngine();
    const queue = new WorkQueue(engine);
    queue.mayInterrupt = false;
    const first = queue.ask('damage', DAMAGE, { urgency: 'meanwhile' });
    const second = queue.ask('preview', DAMAGE, { urgency: 'meanwhile' });
    const asked = queue.ask('equalize', EQUALIZE, { urgency: 'asked' });
    await engine.end();
    await engine.end();
    await engine.end();
    expect(engine.begun).toEqual(['damage', 'equalize', 'preview']);
    expect((await Promise.all([first, second, asked])).map(({ kind }) => kind)).toEqual([
      'done',
      'done',
      'done',
    ]);
  });

  it('stops what nobody asked for, and begins it again', async () => {
    const engine = new SlowEngine();
    const queue = new WorkQueue(engine);
    const preview = queue.ask('preview', DAMAGE, { urgency: 'meanwhile' });
    const asked = queue.ask('equalize', EQUALIZE, { urgency: 'asked' });
    patience();
    await settled();
    await engine.end();
    await engine.end();
    expect(engine.begun).toEqual(['preview', 'equalize', 'preview']);
    expect([(await preview).kind, (await asked).kind]).toEqual(['done', 'done']);
  });

  it('does not begin again what was of another model', async () => {
    const engine = new SlowEngine();
    const queue = new WorkQueue(engine);
    const preview = queue.ask('preview', DAMAGE, { urgency: 'meanwhile' });
    const opening = queue.ask('openExample', {}, { urgency: 'asked', replacesMeanwhile: true });
    patience();
    await settled();
    await engine.end();
    expect([(await preview).kind, (await opening).kind]).toEqual(['cancelled', 'done']);
    expect(engine.begun).toEqual(['preview', 'openExample']);
  });

  it('begins it again where the other model cannot be opened', async () => {
    const engine = new SlowEngine();
    const queue = new WorkQueue(engine);
    void queue.ask('preview', DAMAGE, { urgency: 'meanwhile' });
    const opening = queue.ask('openExample', {}, { urgency: 'asked', replacesMeanwhile: true });
    patience();
    await settled();
    await engine.end(new Error('damaged'));
    expect((await opening).kind).toBe('failed');
    expect(engine.begun).toEqual(['preview', 'openExample', 'preview']);
  });

  it('cancels what was asked, and goes on', async () => {
    const engine = new SlowEngine();
    const queue = new WorkQueue(engine);
    const asked = queue.ask('equalize', EQUALIZE, { urgency: 'asked' });
    const later = queue.ask('damage', DAMAGE, { urgency: 'meanwhile' });
    queue.cancel();
    expect(await asked).toEqual({ kind: 'cancelled' });
    await engine.end();
    expect((await later).kind).toBe('done');
  });

  it('waits for what ends soon by itself', async () => {
    const engine = new SlowEngine();
    const queue = new WorkQueue(engine);
    void queue.ask('preview', DAMAGE, { urgency: 'meanwhile' });
    void queue.ask('damage', DAMAGE, { urgency: 'meanwhile' });
    void queue.ask('equalize', EQUALIZE, { urgency: 'asked' });
    await engine.end();
    patience();
    await engine.end();
    expect(engine.begun).toEqual(['preview', 'equalize', 'damage']);
  });

  it('hands on what went wrong, and whether that was to be expected', async () => {
    const engine = new SlowEngine();
    const queue = new WorkQueue(engine);
    const asked = queue.ask('equalize', EQUALIZE, { urgency: 'asked' });
    await engine.end(Object.assign(new Error('no model'), { isExpected: true }));
    expect(await asked).toEqual({ kind: 'failed', message: 'no model', isExpected: true });
    const other = queue.ask('equalize', EQUALIZE, { urgency: 'asked' });
    await engine.end(new Error('bug'));
    expect(await other).toMatchObject({ kind: 'failed', isExpected: false });
  });
});
