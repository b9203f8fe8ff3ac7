/**
 * The one error a command ends with on purpose: wrong flags, an unusable store, an
 * address in use. It becomes one line on stderr and exit code 2; anything else that is
 * thrown is a fault of the program and keeps its stack.
 */

/** Why the program will not start; the message is one line for a person. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
}

/** What a thrown value says, in one line. */
export function reasonOf(thrown: unknown): string {
  const text = thrown instanceof Error ? causeOf(thrown) : String(thrown);
  return text.replaceAll(/\s*[\r\n]+\s*/g, ' ');
}

// Dual-stack connection failures are aggregates with an empty message of their own.
function causeOf(error: Error): string {
  if (error.message !== '') return error.message;
  if (error instanceof AggregateError && error.errors.length > 0) return reasonOf(error.errors[0]);
  return 'code' in error ? String(error.code) : error.name;
}
