/** The subpath `oncekey/jobs`: jobs of any queue, and the bridge that registers declared ones. */
export { consume } from './consume.ts';
export type { ConsumeOptions, JobHandler, JobNaming, JobOptions, Take } from './consume.ts';
export type { JobAnswer } from './handle.ts';
export { createBridge } from './bridge.ts';
export type { Bridge, BridgeOptions, DeclaredJob, Registration } from './bridge.ts';
