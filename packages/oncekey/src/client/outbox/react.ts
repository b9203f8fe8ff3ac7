/** `oncekey/outbox-react`: the outbox's picture as a React hook. React is passed in, not imported. */
import type { Outbox } from './outbox.ts';
import type { Snapshot } from './snapshot.ts';

/** The part of React (18 or later) that is used. */
export interface ReactLike {
  useSyncExternalStore(
    subscribe: (listener: () => void) => () => void,
    snapshot: () => Snapshot,
    serverSnapshot: () => Snapshot,
  ): Snapshot;
}

/** Makes the hook: `const useOutbox = outboxHook(React)`; a component that calls `useOutbox(outbox)` follows its picture. */
export function outboxHook({ useSyncExternalStore }: ReactLike): (outbox: Outbox) => Snapshot {
  return (outbox) => useSyncExternalStore(outbox.subscribe, outbox.snapshot, outbox.snapshot);
}
