/**
 * Which requests a route of the config file is for: methods and a path, compared as they
 * came. Nothing is decoded or normalised, as nothing is on the way upstream; the query is left
 * out. Linear in the length of the path, whatever the pattern.
 */
import { Refusal } from '../refusal.ts';
import { methods as methodList } from './values.ts';

/** What a request must be. */
export interface Match {
  /** Null for all that are protected. */
  readonly methods: readonly string[] | null;
  /** Segments of the path; `*` is any one. */
  readonly segments: readonly string[];
  /** Whether more segments may follow. */
  readonly open: boolean;
}

/** Reads `POST /orders/*`, `PUT,PATCH /orders/7` or `/webhooks/**`. Throws a `Refusal` that names the setting. */
export function parseMatch(source: string, text: string): Match {
  const [, methods, path] = /^(?:(\S+) +)?(\/[^\s?#]*)$/.exec(text) ?? [];
  const segments = path?.split('/').slice(1) ?? [];
  const open = segments.at(-1) === '**';
  const plain = open ? segments.slice(0, -1) : segments;
  if (path === undefined || plain.some((segment) => segment.includes('*') && segment !== '*')) {
    throw new Refusal(
      `${source}: ${JSON.stringify(text)} will not do; give METHODS and a path, such as POST /orders/*, where * is one segment and /** at the end any`,
    );
  }
  return {
    methods: methods === undefined || methods === '*' ? null : methodList(source, methods),
    segments: plain,
    open,
  };
}

/** Whether a request with this method and target is one of the route's. */
export function matches({ methods, segments, open }: Match, method: string, target: string): boolean {
  if (methods !== null && !methods.includes(method)) return false;
  const end = target.indexOf('?');
  const parts = (end < 0 ? target : target.slice(0, end)).split('/').slice(1);
  if (open ? parts.length < segments.length : parts.length !== segments.length) return false;
  return segments.every((segment, index) => segment === parts[index] || (segment === '*' && parts[index] !== ''));
}
