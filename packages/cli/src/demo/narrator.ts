/**
 * What the demo's acts may say, and the two ways to say it: for people (terminal.ts) or
 * one JSON line an act. An act never knows which of them listens.
 */
import type { Reply } from './till.ts';

/** Something that had to be so, and what was seen. */
export interface Expectation {
  readonly expect: string;
  readonly held: boolean;
  readonly saw: string;
}

/** What an act itself reports. */
export interface ActFacts {
  readonly facts: Readonly<Record<string, string | number | null>>;
  readonly expectations: readonly Expectation[];
}

/** One act with what it cost: its line in the final table. */
export interface ActReport extends ActFacts {
  readonly act: string;
  readonly title: string;
  /** Distinct orders that somebody wanted charged. */
  readonly orders: number;
  /** Requests that left the till, lost and refused ones included. */
  readonly requests: number;
  /** Charges that the payments API made. */
  readonly charges: number;
}

/** One bar. */
export interface Bar {
  readonly label: string;
  readonly count: number;
}

/** A live line; does nothing where there is no terminal. */
export interface Meter {
  /** `fraction` from 0 to 1. */
  at(fraction: number, text: string): void;
  end(): void;
}

/** Tells what happens, while it happens. */
export interface Narrator {
  opening(lines: readonly string[]): void;
  /** `story`: what is about to happen. */
  act(number: number, title: string, story: string): void;
  /** A paragraph. */
  say(text: string): void;
  /** Something that was done between two requests, in a few words. */
  note(text: string): void;
  /** One request and its answer; null: it was lost. */
  exchange(what: string, reply: Reply | null): void;
  chart(bars: readonly Bar[]): void;
  meter(): Meter;
  /** The act is over. */
  report(report: ActReport): void;
  /** All acts are over. */
  summary(reports: readonly ActReport[]): void;
  /** Everything stays up now; how to try it by hand. */
  staying(gatewayUrl: string, authorization: string): void;
  /** Time to read, where a person reads. */
  breath(): Promise<void>;
}

/** Whether all held. */
export function allHeld(reports: readonly ActReport[]): boolean {
  return reports.every(({ expectations }) => expectations.every(({ held }) => held));
}

/** States that `saw` is `wanted`. */
export function expectEqual(expect: string, saw: string | number | null, wanted: string | number | null): Expectation {
  return { expect, held: saw === wanted, saw: String(saw) };
}

/** One JSON line an act, a `summary` line, and a `staying` line when it stays up; `write` gets whole lines. */
export function jsonNarrator(write: (text: string) => void): Narrator {
  const line = (value: unknown): void => write(`${JSON.stringify(value)}\n`);
  const silent = (): void => {};
  return {
    opening: silent,
    act: silent,
    say: silent,
    note: silent,
    exchange: silent,
    chart: silent,
    meter: () => ({ at: silent, end: silent }),
    report: (report) => line({ ...report, held: allHeld([report]) }),
    summary(reports) {
      const sum = (pick: (report: ActReport) => number): number => reports.reduce((total, act) => total + pick(act), 0);
      line({
        act: 'summary',
        orders: sum((act) => act.orders),
        requests: sum((act) => act.requests),
        charges: sum((act) => act.charges),
        held: allHeld(reports),
      });
    },
    staying: (gatewayUrl, authorization) => line({ event: 'staying', gatewayUrl, authorization }),
    breath: async () => {},
  };
}
