/** Types of write-reference.js, which is JavaScript because it is run as it is on the oldest Node. */

/** Where the reference lies in the repository. */
export const referenceFolder: string;

/** Writes the whole reference into `folder`, which is emptied first. Rejects with the tool's own words. */
export function writeReference(folder: string): Promise<void>;
