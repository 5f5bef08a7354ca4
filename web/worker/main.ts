/**
 * The worker's entry: small, so that the page starts fast; what an operation needs is loaded when it is asked for.
 *
 * @module
 */

import type { OperationName, Reply, Request } from '../protocol.ts';
import { describeError } from './describe-error.ts';
import type { Session } from './session.ts';

/** What a worker has for a global object, as far as it is used here. */
interface WorkerScope {
  addEventListener(type: 'message', listener: (event: MessageEvent<Request>) => void): void;
  postMessage(reply: Reply): void;
}

const scope = globalThis as unknown as WorkerScope;
let session: Promise<Session> | undefined;

scope.addEventListener('message', ({ data }) => void answer(data));

async function answer<Name extends OperationName>({ id, name, asked }: Request<Name>): Promise<void> {
  try {
    session ??= import('./session.ts').then((module) => new module.Session());
    const operations = await session;
    const result = await operations.run(name, asked, (text, share) =>
      scope.postMessage({ id, kind: 'progress', text, share: share ?? null }),
    );
    scope.postMessage({ id, kind: 'result', result });
  } catch (error) {
    scope.postMessage({ id, kind: 'error', ...describeError(error) });
  }
}
