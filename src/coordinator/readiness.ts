import type { Job } from './job-list.ts';

/** Lets a job wait for the one that registers its parent, when that was submitted before it and has not ended. */
export class Readiness {
  readonly #registering = new Map<string, Promise<unknown>>();

  /** Notes the job; answers what it must wait for, or null. */
  enter(job: Job, done: Promise<unknown>): Promise<unknown> | null {
    const parent = parentOf(job);
    const before = parent === null ? null : (this.#registering.get(parent) ?? null);
    if (job.type === 'register') {
      const { id } = job.image;
      this.#registering.set(id, done);
      const forget = (): void => {
        if (this.#registering.get(id) === done) this.#registering.delete(id);
      };
      done.then(forget, forget);
    }
    return before;
  }
}

function parentOf(job: Job): string | null {
  if (job.type === 'create') return job.parent ?? null;
  if (job.type === 'tempLayerArchive') return job.id;
  if (job.type !== 'register') return null;
  if (job.image.parent !== undefined && job.image.parent !== '') return job.image.parent;
  return job.json === undefined ? null : parentInJson(job.json);
}

/** A JSON that is malformed fails in the job itself. */
function parentInJson(json: Buffer): string | null {
  return /"parent"\s*:\s*"([a-f0-9]{64})"/.exec(json.toString('latin1'))?.[1] ?? null;
}
