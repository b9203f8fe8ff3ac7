/**
 * Who a key belongs to, told from the request: some header fields, or claims of a verified
 * bearer JWT. Keeps I7: whatever is missing, blank or not verified is no scope at all,
 * never a shared one. What happens without a scope is the protocol's to decide.
 */
import { readFileSync } from 'node:fs';
import type { MaybePromise } from 'oncekey';
import type { ScopeAnswer } from 'oncekey/http';
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  errors,
  jwtVerify,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
} from 'jose';
import { Refusal, reasonOf } from '../refusal.ts';
import { linesOf, type RequestHead } from './headers.ts';
import type { ScopeSettings } from './settings.ts';
import { webUrl } from './values.ts';

/** The keys that verify a credential cannot be had now; nothing is known about the credential. */
export class ScopeUnavailable extends Error {
  override readonly name = 'ScopeUnavailable';
}

/** Finds a request's scope; null for none. Rejects with `ScopeUnavailable`. */
export type FindScope = (head: RequestHead) => MaybePromise<ScopeAnswer>;

/**
 * Makes it from the settings. `warn` is called once when only `authorization` makes the scope and
 * a JWT comes by. Throws a `Refusal` for a JWKS file that cannot be used.
 */
export function scopeFinder(settings: ScopeSettings, warn: () => void): FindScope {
  if (settings.kind === 'jwt') return fromClaims(settings.claims, keySet(settings.jwks));
  return fromHeaders(settings.names, settings.byDefault ? once(warn) : null);
}

function fromHeaders(names: readonly string[], sawJwt: (() => void) | null): FindScope {
  return (head) => {
    const parts: string[] = [];
    for (const name of names) {
      // Several lines of one field mean the same as one line with commas (RFC 9110 section 5.3).
      const part = linesOf(head, name).join(', ').trim();
      if (part === '') return null;
      if (sawJwt !== null && jwtShaped.test(part)) sawJwt();
      parts.push(part);
    }
    return parts;
  };
}

const jwtShaped = /^bearer +eyJ[\w-]+\.[\w-]+\.[\w-]*$/i;

function fromClaims(claims: readonly string[], keys: JWTVerifyGetKey): FindScope {
  return async (head) => {
    const [credential, ...more] = linesOf(head, 'authorization');
    const [, token] = /^bearer +(\S+)$/i.exec(credential?.trim() ?? '') ?? [];
    if (token === undefined || more.length > 0) return null;
    const payload = await verified(token, keys);
    const parts = claims.map((claim) => partOf(payload?.[claim]));
    return parts.some((part) => part === null) ? null : parts;
  };
}

async function verified(token: string, keys: JWTVerifyGetKey): Promise<Readonly<Record<string, unknown>> | null> {
  try {
    return (await jwtVerify(token, keys)).payload;
  } catch (error) {
    if (error instanceof errors.JOSEError && !unreachable.has(error.code)) return null;
    throw new ScopeUnavailable('the JWKS cannot be had', { cause: error });
  }
}

const unreachable: ReadonlySet<string> = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC']);

function partOf(claim: unknown): string | null {
  if (typeof claim !== 'string' && typeof claim !== 'number') return null;
  const text = String(claim);
  return text.trim() === '' ? null : text;
}

function keySet(jwks: string): JWTVerifyGetKey {
  if (/^https?:/i.test(jwks)) return createRemoteJWKSet(webUrl('--jwks', jwks));
  try {
    return createLocalJWKSet(JSON.parse(readFileSync(jwks, 'utf8')) as JSONWebKeySet);
  } catch (error) {
    throw new Refusal(`--jwks: ${jwks} cannot be used: ${reasonOf(error)}`);
  }
}

function once(act: () => void): () => void {
  let done = false;
  return () => {
    if (!done) act();
    done = true;
  };
}
