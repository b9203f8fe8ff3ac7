/**
 * The entry for pg-boss 10: a handler for `boss.work`. pg-boss can only complete or fail a
 * job, so what runs elsewhere is waited for (a crashed worker's lease ends meanwhile), and what
 * still runs after that fails and is retried by the queue's own rules. pg-boss is not imported.
 */
import { consume, type JobHandler, type JobNaming, type JobOptions, type Take } from './consume.ts';

/** What is used of a pg-boss job. */
export interface PgBossJob {
  readonly id: string;
  readonly name: string;
  readonly data: unknown;
}

/** Options of `worker`; each of the naming may be said otherwise. */
export interface PgBossOptions<J extends PgBossJob> extends JobOptions<J>, Partial<JobNaming<J>> {}

/** A job's id is the key, its queue's name the operation; its data is compared. */
export const naming: JobNaming<PgBossJob> = {
  key: ({ id }) => id,
  scope: ({ name }) => ['pg-boss', name],
  operation: ({ name }) => name,
  input: ({ data }) => data ?? null,
};

const defaultLeaseMs = 30_000;

/**
 * A handler that does each job once: `boss.work(queue, worker(handler, { store }))`. In a batch all jobs are tried; when one
 * fails, the batch is retried, and those that were done are not run again.
 */
export function worker<J extends PgBossJob, T>(
  handler: JobHandler<J, T>,
  options: PgBossOptions<J>,
): (jobs: readonly J[]) => Promise<T | undefined> {
  const waitMs = (options?.leaseMs ?? defaultLeaseMs) + 1000;
  return settle(consume<J, T>(handler, { ...naming, inProgress: 'wait', waitMs, ...options }));
}

/** The handler of a `Take`, for a bridge. */
export function settle<J extends PgBossJob, T>(take: Take<J, T>): (jobs: readonly J[]) => Promise<T | undefined> {
  return async (jobs) => {
    const answers = await Promise.all(jobs.map((job) => take(job)));
    const values = answers.map((answer) => {
      if (answer.kind === 'done') return answer.value;
      throw answer.error;
    });
    return values.length === 1 ? values[0] : undefined;
  };
}
