/** The React hook: it takes the real React by its types, and follows the outbox's picture through it. */
import * as React from 'react';
import { expect, test } from 'vitest';
import { createOutbox, memoryStorage, type Outbox, type Snapshot } from '../../../src/client/outbox/index.ts';
import { outboxHook } from '../../../src/client/outbox/react.ts';

test('React’s own module can be passed in', () => {
  const useOutbox: (outbox: Outbox) => Snapshot = outboxHook(React);
  expect(useOutbox).toBeTypeOf('function');
});

test('a component sees the picture, hears of changes until it goes, and is not drawn in a loop', async () => {
  const outbox = createOutbox({ storage: memoryStorage(), automatic: false });
  const seen: Snapshot[] = [];
  let unmount = (): void => undefined;
  // What React does with the two: read, subscribe, read again at each call of the listener.
  const useOutbox = outboxHook({
    useSyncExternalStore(subscribe, snapshot) {
      unmount = subscribe(() => seen.push(snapshot()));
      expect(snapshot()).toBe(snapshot());
      return snapshot();
    },
  });
  expect(useOutbox(outbox)).toMatchObject({ usage: null, entries: [] });
  await outbox.add({ id: 'a', url: 'http://x.example', json: 1 });
  await expect.poll(() => seen.at(-1)?.usage?.open.entries).toBe(1);
  unmount();
  const calls = seen.length;
  await outbox.add({ id: 'b', url: 'http://x.example', json: 1 });
  expect(seen).toHaveLength(calls);
  await outbox.close();
});
