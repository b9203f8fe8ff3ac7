/**
 * Heartbeats of all running work on one clock, driven by a single timer: each lease is
 * renewed at a third of its length, a failed renewal is tried again until the lease
 * ends, and a lost lease is told once (I3, rule 10). Leases are judged by the store;
 * the deadline kept here only says when to stop hoping.
 */
import type { Clock } from './clock.ts';

/** A lease to keep alive. */
export interface Lease {
  readonly leaseMs: number;
  /** Asks the store and tells its answer, which may be none. */
  extend(told: (answer: 'kept' | 'lost' | 'silent') => void): void;
  /** Told once; no heartbeat follows. */
  lose(): void;
}

/** A lease that is being kept; handed back to stop. */
export interface Beat {
  readonly lease: Lease;
  dueMs: number;
  /** When the lease ends if no renewal succeeds, in monotonic milliseconds. */
  endMs: number;
  /** Its place among the others; -1 when it is kept no more. */
  place: number;
}

/** Keeps leases alive. */
export class Heartbeats {
  readonly #clock: Clock;
  // A list with swapped removal: a Map that gains and loses an entry with each request is rebuilt all the time.
  readonly #beats: Beat[] = [];
  #armedForMs = Number.POSITIVE_INFINITY;
  #disarm: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts to renew a lease granted just now. */
  add(lease: Lease): Beat {
    const nowMs = this.#clock.monotonicMs();
    const beat = { lease, dueMs: nowMs + lease.leaseMs / 3, endMs: nowMs + lease.leaseMs, place: this.#beats.length };
    this.#beats.push(beat);
    this.#arm(beat.dueMs);
    return beat;
  }

  /** Stops renewing; the timer is left to find nothing due, which is cheaper than to cancel it for each request. */
  remove(beat: Beat | undefined): void {
    if (beat === undefined || beat.place === -1) return;
    const { place } = beat;
    beat.place = -1;
    const last = this.#beats.pop();
    if (last === undefined || last === beat) return;
    last.place = place;
    this.#beats[place] = last;
  }

  #arm(dueMs: number): void {
    if (dueMs >= this.#armedForMs) return;
    this.#disarm?.();
    this.#armedForMs = dueMs;
    this.#disarm = this.#clock.after(Math.max(0, dueMs - this.#clock.monotonicMs()), () => this.#fire());
  }

  #fire(): void {
    this.#armedForMs = Number.POSITIVE_INFINITY;
    this.#disarm = undefined;
    const nowMs = this.#clock.monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    // Over a copy: a lease that turns out to be lost leaves the list.
    for (const beat of this.#beats.slice()) {
      // A little early rather than each alone: thousands of leases cost one pass a second, not one a millisecond.
      if (beat.dueMs <= nowMs + beat.lease.leaseMs / 30) this.#renew(beat, nowMs);
      if (beat.place !== -1) nextMs = Math.min(nextMs, beat.dueMs);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#arm(nextMs);
  }

  #renew(beat: Beat, nowMs: number): void {
    const { lease } = beat;
    // Asked again even when the deadline has passed here: the store may know that nobody took over.
    beat.dueMs = nowMs + lease.leaseMs / 3;
    lease.extend((answer) => {
      if (beat.place === -1) return;
      if (answer === 'kept') beat.endMs = nowMs + lease.leaseMs;
      else if (answer === 'lost' || this.#clock.monotonicMs() >= beat.endMs) {
        this.remove(beat);
        lease.lose();
      } else {
        beat.dueMs = Math.min(beat.endMs, this.#clock.monotonicMs() + lease.leaseMs / 10);
        this.#arm(beat.dueMs);
      }
    });
  }
}

const shared = new WeakMap<Clock, Heartbeats>();

/** The one set of heartbeats of a clock: all engines of a process share the system clock's. */
export function heartbeatsOf(clock: Clock): Heartbeats {
  let heartbeats = shared.get(clock);
  if (heartbeats === undefined) shared.set(clock, (heartbeats = new Heartbeats(clock)));
  return heartbeats;
}
