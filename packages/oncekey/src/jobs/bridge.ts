/**
 * Declared jobs and the queue they are installed in: all are checked together before any is
 * installed, and what was unregistered refuses, retryably. It does not deliver anything.
 */
import { IdempotencyError } from '../core/errors.ts';
import type { MaybePromise } from '../core/maybe.ts';
import { consume, type JobHandler, type JobNaming, type JobOptions, type Take } from './consume.ts';

/** One job, as it is declared. */
export interface DeclaredJob<M> {
  /** Unique among all that are registered. */
  readonly name: string;
  /** What it needs to be allowed, such as `mail.send`. */
  readonly capabilities?: readonly string[];
  readonly handler: JobHandler<M, unknown>;
}

/** Options of `createBridge`. */
export interface BridgeOptions<M> extends Omit<JobNaming<M>, 'operation'>, JobOptions<M> {
  /** Capabilities that jobs may ask for; default none. */
  readonly allowed?: readonly string[];
  /** Starts to take messages for a job; what it answers ends that. */
  readonly install: (name: string, take: Take<M>) => MaybePromise<(() => MaybePromise<unknown>) | undefined>;
}

/** Jobs that were registered together. */
export interface Registration {
  /** From now on their handlers refuse (`job_unregistered`, retryable); then they are taken out of the queue. What runs ends. */
  unregister(): Promise<void>;
}

/** Registers declared jobs with a queue. */
export interface Bridge<M> {
  /** Installs all or none. Rejects with a TypeError that names every denied capability and every name used twice. */
  register(jobs: readonly DeclaredJob<M>[]): Promise<Registration>;
}

/** A bridge between declared jobs and one queue. */
export function createBridge<M>(options: BridgeOptions<M>): Bridge<M> {
  if (typeof options?.install !== 'function') throw new TypeError('install is missing; pass what installs a handler');
  const names = new Set<string>();
  const allowed = new Set(options.allowed);
  return {
    async register(jobs) {
      const wrong = problems(jobs, names, allowed);
      if (wrong.length > 0) throw new TypeError(`jobs: ${wrong.join('; ')}; nothing was installed`);
      // Taken before anything is awaited: of two that register one name at once, the second is told.
      for (const { name } of jobs) names.add(name);
      const installed = new Installed(jobs, options, () => {
        for (const { name } of jobs) names.delete(name);
      });
      await installed.install();
      return installed;
    },
  };
}

function problems<M>(
  jobs: readonly DeclaredJob<M>[],
  taken: ReadonlySet<string>,
  allowed: ReadonlySet<string>,
): string[] {
  const seen = new Set(taken);
  return jobs.flatMap(({ name, capabilities = [], handler }) => {
    const found: string[] = [];
    if (typeof name !== 'string' || name.trim() === '') found.push('a job has no name');
    if (seen.has(name)) found.push(`the name ${JSON.stringify(name)} is used twice`);
    seen.add(name);
    if (typeof handler !== 'function') found.push(`${JSON.stringify(name)} has no handler`);
    const denied = capabilities.filter((capability) => !allowed.has(capability));
    return [
      ...found,
      ...denied.map((one) => `${JSON.stringify(name)} asks for ${JSON.stringify(one)}, which is denied`),
    ];
  });
}

class Installed<M> implements Registration {
  readonly #jobs: readonly DeclaredJob<M>[];
  readonly #options: BridgeOptions<M>;
  readonly #free: () => void;
  readonly #ends: (() => MaybePromise<unknown>)[] = [];
  #active = true;

  constructor(jobs: readonly DeclaredJob<M>[], options: BridgeOptions<M>, free: () => void) {
    this.#jobs = jobs;
    this.#options = options;
    this.#free = free;
  }

  async install(): Promise<void> {
    try {
      for (const job of this.#jobs) {
        const end = await this.#options.install(job.name, this.#take(job));
        if (end !== undefined) this.#ends.push(end);
      }
    } catch (error) {
      await this.unregister();
      throw error;
    }
  }

  async unregister(): Promise<void> {
    this.#active = false;
    try {
      for (const end of this.#ends.splice(0).toReversed()) await end();
    } finally {
      this.#free();
    }
  }

  #take({ name, handler }: DeclaredJob<M>): Take<M> {
    const take = consume(handler, { ...this.#options, operation: name });
    return async (message) =>
      this.#active ? take(message) : { kind: 'later', afterMs: 1000, error: unregistered(name) };
  }
}

function unregistered(job: string): IdempotencyError {
  const message = `the job ${JSON.stringify(job)} is not registered here any more and nothing ran; leave it to its queue`;
  return new IdempotencyError('job_unregistered', message, { job });
}
