/**
 * Options that make ky (1.x) repeat a POST or PATCH which carries a key, and only such a
 * one, by the table of `verdict.ts`. ky itself is not imported; nor does this make keys.
 */
import { keyHeaderName } from '../protocol.ts';
import { conflictStatus, mayRetry, retryableStatuses } from './verdict.ts';

interface RetryState {
  readonly error: Error;
}

interface BeforeRetryState {
  readonly request: Request;
  readonly error: Error;
}

/** The part of ky's options that this fills. */
export interface KyRetry {
  retry: {
    limit: number;
    methods: ('get' | 'put' | 'head' | 'delete' | 'options' | 'trace' | 'post' | 'patch')[];
    statusCodes: number[];
    afterStatusCodes: number[];
    maxRetryAfter: number;
    backoffLimit: number;
    jitter: boolean;
    retryOnTimeout: boolean;
    shouldRetry: (state: RetryState) => Promise<boolean | undefined>;
  };
  hooks: { beforeRetry: ((state: BeforeRetryState) => void)[] };
}

const safeMethods = ['get', 'put', 'head', 'delete', 'options', 'trace'] as const;

/** ky options: `ky.extend(kyRetry())`. At most `limit` repeats (default 5), full jitter, Retry-After up to 30 s. */
export function kyRetry(limit = 5): KyRetry {
  const statusCodes = [conflictStatus, ...retryableStatuses];
  return {
    retry: {
      limit,
      methods: [...safeMethods, 'post', 'patch'],
      statusCodes,
      afterStatusCodes: statusCodes,
      maxRetryAfter: 30_000,
      backoffLimit: 10_000,
      jitter: true,
      retryOnTimeout: true,
      shouldRetry: async ({ error }) => {
        const response = (error as { response?: Response }).response;
        if (response === undefined) return undefined;
        const header = (name: string): string | null => response.headers.get(name);
        const again = await mayRetry(response.status, header, () => response.clone().text());
        // Undefined, not true: only then does ky read Retry-After.
        return again ? undefined : false;
      },
    },
    hooks: { beforeRetry: [refuseUnkeyed] },
  };
}

// ky does not say in `shouldRetry` which request has failed to reach the server; here it does.
function refuseUnkeyed({ request, error }: BeforeRetryState): void {
  if (['POST', 'PATCH'].includes(request.method) && !request.headers.has(keyHeaderName)) throw error;
}
