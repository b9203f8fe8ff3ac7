/**
 * The work of a run that nothing protects, because the store was down and that was opted
 * into: its steps are not saved, its keys are those that a protected run would have.
 */
import type { RecordId } from '../core/store.ts';
import { derivedKey, Steps, type Work } from '../core/work.ts';

/** Work without an owner; releasing it changes nothing. */
export function unownedWork(id: RecordId): Work {
  const steps = new Steps([], () => Promise.resolve());
  const { signal } = new AbortController();
  const step: Work['step'] = (name, act) => steps.run(name, act);
  return { attempt: 1, token: '', signal, step, key: (name) => derivedKey(id, name), release: () => undefined };
}
