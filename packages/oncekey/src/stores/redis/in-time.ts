/** An end to waiting for a server that does not answer. What it answers later is heard by nobody. */
import { systemClock } from '../../core/clock.ts';
import { unavailable } from './failure.ts';

/** What is answered within the time; else `store_unavailable`. */
export function inTime<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = systemClock.after(timeoutMs, () => {
      reject(
        unavailable(`redis: no answer within ${timeoutMs} ms; check that the server is up and reachable`, 'other'),
      );
    });
    answer.then(
      (value) => {
        cancel();
        resolve(value);
      },
      (error: unknown) => {
        cancel();
        reject(error as Error);
      },
    );
  });
}
