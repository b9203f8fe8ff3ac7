/**
 * What is stored of a throw: a name and a message, as texts whatever was thrown. One that
 * cannot be told must not keep its record from being settled.
 */
import type { FailureOutcome } from '../core/outcome.ts';

/** The failure that `error` is. Never throws. */
export function failureFrom(error: unknown): FailureOutcome {
  try {
    const [name, message] = error instanceof Error ? [error.name, error.message] : ['Error', error];
    return { kind: 'failure', name: String(name), message: String(message) };
  } catch {
    return { kind: 'failure', name: 'Error', message: 'what was thrown has no text' };
  }
}
