/** What rounds of faults came to: how many there were, what was counted, and every breach of a promise in words. */

/** A running count. */
export class Tally {
  /** Faults that really happened. */
  runs = 0;
  readonly violations: string[] = [];
  readonly counted: Record<string, number> = {};

  /** Adds `by` (default 1) to what is counted under `name`. */
  count(name: string, by = 1): void {
    this.counted[name] = (this.counted[name] ?? 0) + by;
  }

  /** Notes a breach when `holds` is false. */
  expect(holds: boolean, breach: () => string): void {
    if (!holds) this.violations.push(breach());
  }

  /** Takes in what another one counted. */
  add(other: Tally): this {
    this.runs += other.runs;
    this.violations.push(...other.violations);
    for (const [name, by] of Object.entries(other.counted)) this.count(name, by);
    return this;
  }
}
