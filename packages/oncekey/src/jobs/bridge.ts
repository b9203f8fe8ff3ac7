/**
 * Declared jobs and the queue they are installed in: all are checked together before any is
 * installed, and what was unregistered refuses, retryably. It does not deliver anything.
 */
import { IdempotencyError } from '../core/errors.ts';
import type { MaybePromise } from '../core/maybe.ts';
import { warn } from '../core/tell.ts';
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
  /**
   * From now on their handlers refuse (`job_unregistered`, retryable); then they are taken out of the queue, all of them,
   * and what that threw is thrown. What runs ends.
   */
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
      if (!Array.isArray(jobs)) throw new TypeError('jobs is no list; pass [{ name, handler }, …]');
      const wrong = problems(jobs, names, allowed);
      if (wrong.length > 0) throw new TypeError(`jobs: ${wrong.join('; ')}; nothing was installed`);
      // Taken before anything is awaited: of two that register one name at once, the second is told.
      const own = jobs.map(nameOf);
      for (const name of own) names.add(name);
      const installed = new Installed(jobs, options, () => {
        for (const name of own) names.delete(name);
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
  return jobs.flatMap((job: Partial<DeclaredJob<M>> | null | undefined) => {
    const { name, capabilities = [], handler } = job ?? {};
    if (typeof name !== 'string' || name.trim() === '') return ['a job has no name'];
    const said = JSON.stringify(name);
    const found: string[] = [];
    if (seen.has(name.trim())) found.push(`the name ${said} is used twice`);
    seen.add(name.trim());
    if (typeof handler !== 'function') found.push(`${said} has no handler`);
    if (!Array.isArray(capabilities)) return [...found, `the capabilities of ${said} are no list`];
    const denied = (capabilities as readonly string[]).filter((capability) => !allowed.has(capability));
    return [...found, ...denied.map((one) => `${said} asks for ${JSON.stringify(one)}, which is denied`)];
  });
}

/** As the operation is named: spaces around it tell no two jobs apart. */
function nameOf<M>({ name }: DeclaredJob<M>): string {
  return name.trim();
}

class Installed<M> implements Registration {
  readonly #jobs: readonly DeclaredJob<M>[];
  readonly #options: BridgeOptions<M>;
  readonly #free: () => void;
  readonly #ends: (() => MaybePromise<unknown>)[] = [];
  #active = true;
  #ending: Promise<void> | undefined;

  constructor(jobs: readonly DeclaredJob<M>[], options: BridgeOptions<M>, free: () => void) {
    this.#jobs = jobs;
    this.#options = options;
    this.#free = free;
  }

  async install(): Promise<void> {
    try {
      // All are made before the first is installed: a wrong option is told by this.
      const takes = this.#jobs.map((job) => ({ name: job.name, take: this.#take(job) }));
      for (const { name, take } of takes) {
        const end = await this.#options.install(name, take);
        if (typeof end === 'function') this.#ends.push(end);
        else if (end !== undefined) {
          throw new TypeError(
            `install of ${JSON.stringify(name)} gave no function; give the one that ends it, or nothing`,
          );
        }
      }
    } catch (error) {
      // Why it is not installed is what the caller has to hear.
      await this.unregister().catch(warn);
      throw error;
    }
  }

  unregister(): Promise<void> {
    this.#active = false;
    // Once: the second call waits for the first, and a name that was taken anew meanwhile is not its own to free.
    return (this.#ending ??= this.#end());
  }

  async #end(): Promise<void> {
    const failures: unknown[] = [];
    for (const end of this.#ends.toReversed()) {
      try {
        await end();
      } catch (error) {
        failures.push(error);
      }
    }
    this.#free();
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1)
      throw new AggregateError(failures, `${failures.length} jobs were not taken out of the queue`);
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
