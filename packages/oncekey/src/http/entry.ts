/**
 * What every entry starts with: the protocol, and who a key belongs to. Throws at start
 * when the scope was not decided (rule 2).
 */
import { systemClock, type Clock } from '../core/clock.ts';
import type { MaybePromise } from '../core/maybe.ts';
import { createProtocol } from './handle.ts';
import type { EntryOptions } from './options.ts';
import { publicScope } from './scope.ts';
import type { Protocol, ScopeAnswer } from './seam.ts';
import { defaultLeaseMs } from './settings.ts';

/** A framework entry's standing parts. */
export interface Entry<Request> {
  readonly protocol: Protocol;
  readonly scope: (request: Request) => MaybePromise<ScopeAnswer>;
  readonly clock: Clock;
  readonly leaseMs: number;
}

/** Checks the options and makes the protocol. Throws a TypeError that names a wrong option. */
export function createEntry<Request>(options: EntryOptions<Request>): Entry<Request> {
  const protocol = createProtocol(options);
  const { scope, clock = systemClock, leaseMs = defaultLeaseMs } = options;
  if (scope !== 'public' && typeof scope !== 'function') {
    throw new TypeError("oncekey: options.scope must be a function of the request or 'public'");
  }
  return { protocol, scope: scope === 'public' ? () => publicScope : scope, clock, leaseMs };
}
