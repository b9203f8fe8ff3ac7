/**
 * Makes an axios instance (1.x) repeat what carries a key, and only that, by the table of
 * `verdict.ts`: an interceptor of failed answers. axios is not imported; no keys are made.
 */
import { keyHeaderName } from '../protocol.ts';
import { backoffMs, retryAfterMs, type BackoffRules } from './backoff.ts';
import { pause, systemClock } from './clock.ts';
import { mayRetry } from './verdict.ts';

/** The part of an axios instance that is used. */
export interface AxiosLike {
  readonly interceptors: {
    readonly response: {
      use(fulfilled: null, rejected: (error: unknown) => Promise<unknown>): number;
      eject(id: number): void;
    };
  };
  request(config: object): Promise<unknown>;
}

interface FailedConfig {
  readonly headers?: object;
  readonly signal?: AbortSignal;
  readonly oncekeyAttempt?: number;
}

interface FailedCall {
  readonly code?: string;
  readonly config?: FailedConfig;
  readonly response?: { readonly status: number; readonly headers: object; readonly data: unknown };
}

const rules: BackoffRules = { minDelayMs: 300, maxDelayMs: 10_000, maxRetryAfterMs: 30_000 };

/** Adds the interceptor; the returned function takes it away. At most `limit` repeats (default 5) of one call. */
export function axiosRetry(instance: AxiosLike, limit = 5): () => void {
  const id = instance.interceptors.response.use(null, async (error) => {
    const { config, response, code } = error as FailedCall;
    const attempt = config?.oncekeyAttempt ?? 1;
    const keyed = config !== undefined && headerOf(config.headers, keyHeaderName) !== null;
    if (!keyed || attempt > limit || code === 'ERR_CANCELED' || !(await mayBeOther(response))) throw error;
    const asked = retryAfterMs(headerOf(response?.headers, 'retry-after'), systemClock.nowMs());
    await pause(systemClock, backoffMs(rules, attempt, asked), config.signal);
    return instance.request({ ...config, oncekeyAttempt: attempt + 1 });
  });
  return () => instance.interceptors.response.eject(id);
}

async function mayBeOther(response: FailedCall['response']): Promise<boolean> {
  if (response === undefined) return true;
  const { status, headers, data } = response;
  return mayRetry(
    status,
    (name) => headerOf(headers, name),
    () => (typeof data === 'string' ? data : JSON.stringify(data)),
  );
}

function headerOf(headers: object | undefined, name: string): string | null {
  const wanted = name.toLowerCase();
  const found = Object.entries(headers ?? {}).find(([key]) => key.toLowerCase() === wanted);
  return found === undefined || found[1] === undefined ? null : String(found[1]);
}
