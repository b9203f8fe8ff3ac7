/**
 * Whether `currentWork()` finds a work while its function runs is the caller's choice, kept
 * to here for all that run one.
 */
import { type Running, withWork } from '../core/work.ts';
import type { Choices } from './options.ts';

/** Calls `act`, where it is so chosen as a part of the work. */
export function asWork<T>({ currentWork }: Choices, running: Running, act: () => T): T {
  return currentWork ? withWork(running, act) : act();
}
