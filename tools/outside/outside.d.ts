/** Types of outside.js, which is JavaScript because benchmarks run as they are on the oldest Node. */

/** A group that is installed. */
export interface OutsideGroup {
  /** Where it is installed; `node_modules` lies in it. Shared with other checkouts: never write there. */
  readonly folder: string;
  /** Imports a package of the group by name, as a file in the group's folder would. */
  import(name: string): Promise<unknown>;
}

/** The group of packages named by a folder beside this file, installed on first use. Rejects when it cannot be installed. */
export function outside(group: string): Promise<OutsideGroup>;
