import type { Batch } from '../batch/batch.ts';
import { settingsWithin } from '../batch/memory-bound.ts';
import type { JobWithAccess } from '../batch/job-file/read-job-file.ts';
import type { BlobCache } from '../cache/blob-cache.ts';
import { engineError } from '../errors/kinds.ts';
import type { RegistryOptions } from '../formats/distribution/registry.ts';
import { type BatchOptions, batchOfOperands, limitsOf, withTyped } from './batch-options.ts';
import { openCache } from './cache-option.ts';
import { registryOptions } from './registry-options.ts';
import type { Session } from './session.ts';
import { refuseForTwo } from './shared-creds.ts';

/** A batch as a person gave it, and what goes with it. */
export interface BatchInput {
  job: Pick<JobWithAccess, 'batch'> & Partial<JobWithAccess>;
  /** The job file; null for what was typed. */
  file: string | null;
  /** What of another tool's file could not be said in ours. */
  warnings: readonly string[];
  parts: { from: RegistryOptions; to: RegistryOptions; cache: BlobCache | null };
}

/** Reads a job file, or what was typed. Throws INVALID_ARGUMENT, JOB_FILE_INVALID, FILE_NOT_FOUND, …. */
export async function readBatch(
  session: Session,
  operands: readonly string[],
  options: BatchOptions,
): Promise<BatchInput> {
  const { job, file, warnings } = await readJob(session, operands, options);
  const { jobs } = session.settings;
  const limits = { ...job.batch.limits, ...defined(limitsOf(options)), ...(jobs === 'auto' ? {} : { jobs }) };
  const said = file === null ? job.batch : withTyped(job.batch, options, session.settings.compression);
  const batch: Batch = { ...said, limits };
  await refuseSharedCreds(session, batch, options);
  const side = (which: 'src' | 'dest'): RegistryOptions =>
    withAccess(registryOptions(options, which, session), job.registries ?? {});
  const { pool } = await session.pipeline('with-first-task', settingsWithin(session.settings, limits));
  const parts = { from: side('src'), to: side('dest'), cache: openCache(session, pool, options) };
  return { job: { ...job, batch }, file, warnings, parts };
}

/** `--creds` holds the password of one registry. Throws INVALID_ARGUMENT where it would go to another one too. */
async function refuseSharedCreds(session: Session, { entries }: Batch, options: BatchOptions): Promise<void> {
  // commander gives false for --no-creds.
  if (typeof options.creds !== 'string') return;
  const sources = entries.map(({ source }) => source.location);
  // Any name shows where it leads.
  const targets = entries.map(({ target }) => target.replaceAll(/\{[^{}]*\}/g, 'x'));
  if (options.srcCreds === undefined) await refuseForTwo(session, sources);
  if (options.destCreds === undefined) await refuseForTwo(session, targets);
}

/** How a job file says that its registries are spoken to. */
export type JobAccess = Pick<RegistryOptions, 'hosts' | 'tlsVerify'>;

/** What was typed comes first. */
export function withAccess(typed: RegistryOptions, { hosts, tlsVerify }: JobAccess): RegistryOptions {
  return { ...typed, hosts, tlsVerify: typed.tlsVerify ?? tlsVerify };
}

async function readJob(
  session: Session,
  operands: readonly string[],
  options: BatchOptions,
): Promise<Pick<BatchInput, 'job' | 'file' | 'warnings'>> {
  const [only, ...others] = operands;
  if (options.from !== undefined) {
    if (operands.length > 1) throw tooMuch();
    const { importJob } = await import('../batch/job-file/import-job.ts');
    const asked = { env: process.env, target: only, authFile: options.fromAuth };
    const { job, warnings } = await importJob(options.from, asked);
    return { job, file: options.from, warnings };
  }
  if (only === undefined || others.length > 0)
    return {
      job: { batch: batchOfOperands(operands, options, session.settings.compression) },
      file: null,
      warnings: [],
    };
  const { readJobFile } = await import('../batch/job-file/read-job-file.ts');
  return { job: await readJobFile(only, process.env), file: only, warnings: [] };
}

function tooMuch(): Error {
  const message = '--from says what to copy; beside it there is one operand at most, the target for all of it';
  return engineError('INVALID_ARGUMENT', message, { argument: '--from' });
}

function defined<Value extends object>(values: Value): Partial<Value> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<Value>;
}
