/** Closes what a test has opened when the test is over, passed or not. */
import { afterEach } from 'vitest';

/** Whatever must be ended, by its own word for it. */
export type Opened = { close(): Promise<void> } | { kill(): Promise<void> } | { stop(): Promise<void> };

const opened: Opened[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map(end));
});

/** Keeps `what` open until the running test is over; gives it back. */
export function untilOver<T extends Opened>(what: T): T {
  opened.push(what);
  return what;
}

function end(what: Opened): Promise<void> {
  if ('kill' in what) return what.kill();
  return 'stop' in what ? what.stop() : what.close();
}
