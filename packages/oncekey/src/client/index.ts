/** `oncekey/client`: a `fetch` with a key for each intent, and what makes other HTTP clients repeat keyed requests. */
export type { BackoffRules } from './backoff.ts';
export type { ClientClock } from './clock.ts';
export { ClientError, type ClientErrorCode, type ClientErrorDetails } from './errors.ts';
export { idempotentFetch, type DeliveredResponse, type Delivery, type IdempotentFetch } from './fetch.ts';
export { newKey } from './key.ts';
export type { Fetch, IdempotentFetchOptions } from './options.ts';
export type { KeyedInit } from './outgoing.ts';
export { axiosRetry, type AxiosLike } from './axios.ts';
export { kyRetry, type KyRetry } from './ky.ts';
export { undiciRetry, type UndiciRetry } from './undici.ts';
