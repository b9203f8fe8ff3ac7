/**
 * Who a key belongs to (rule 2, I7): never a shared bucket by accident. What a scope
 * function answers becomes a list of parts, or nothing.
 */
import type { ScopeAnswer } from './seam.ts';

/** What `'public'` stands for. */
export const publicScope: readonly string[] = [];

/** The scope's parts, trimmed; null when there is none and `noScope` refuses that. An empty list is the public scope. */
export function scopeOf(answer: ScopeAnswer, noScope: 'reject' | 'public'): readonly string[] | null {
  const parts = typeof answer === 'string' ? [answer] : (answer ?? [null]);
  const trimmed: string[] = [];
  for (const part of parts) {
    // A number or object would be a silent bug of the scope function; it counts as none, not as its text.
    const text = typeof part === 'string' ? part.trim() : '';
    if (text === '') return noScope === 'public' ? publicScope : null;
    trimmed.push(text);
  }
  return trimmed;
}
