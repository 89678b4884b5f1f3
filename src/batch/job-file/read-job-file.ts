import type { HostOptions } from '../../formats/distribution/registry.ts';
import type { Batch, BatchEntry, BatchLimits } from '../batch.ts';
import { checkDocument, type CheckedDocument } from './check-document.ts';
import { readCreds, tlsVerifyOf } from './creds.ts';
import type { JobCreds, JobDefaults, JobDocument } from './job-schema.ts';
import { readJobText } from './job-text.ts';
import { jobFileInvalid, type Path, type Problem } from './problems.ts';
import { type NoteProblem, readEntry } from './read-entry.ts';
import { parseYaml } from './yaml-document.ts';

/** What a job file says. */
export interface Job {
  batch: Batch;
  /** How its registries are spoken to, as it is written there, without anything from the environment. */
  creds: readonly JobCreds[];
  /** `defaults.tls`. */
  tls: JobCreds['tls'];
}

/** The same with the secrets in it: never printed, and no part of the batch. */
export interface JobWithAccess extends Job {
  registries: { hosts: HostOptions[]; tlsVerify: boolean | undefined };
}

/** Reads a job file. Throws FILE_NOT_FOUND, PERMISSION_DENIED, or JOB_FILE_INVALID with all that is wrong in it. */
export async function readJobFile(file: string, env: NodeJS.ProcessEnv): Promise<JobWithAccess> {
  return parseJobFile(await readJobText(file), file, env);
}

/**
 * Reads the text of a job file, YAML or JSON; `file` is what messages call it. Without an environment the variables in
 * it stay what they are, and nothing can be asked of registries that want to know who asks.
 */
export function parseJobFile(text: string, file: string, env: NodeJS.ProcessEnv): JobWithAccess;
export function parseJobFile(text: string, file: string, env: null): Job;
export function parseJobFile(text: string, file: string, env: NodeJS.ProcessEnv | null): Job | JobWithAccess {
  const yaml = parseYaml(text, file);
  const checked = checkDocument(yaml, file);
  const problems = [...checked.problems];
  const noteAt =
    (place: Path): NoteProblem =>
    (path, message) => {
      const whole = [...place, ...path];
      problems.push({ path: whole, line: yaml.lineOf(whole), message });
    };
  const defaults = checked.document?.defaults ?? {};
  const entries = readEntries(checked, defaults, noteAt);
  const creds = checked.document?.creds ?? [];
  const hosts = env === null ? [] : creds.map((one, index) => readCreds(one, env, noteAt(['creds', index])));
  checkRepeated(creds, noteAt(['creds']));
  const limits = limitsOf(defaults);
  if (problems.length > 0) throw jobFileInvalid(file, inOrder(problems));
  const job = { batch: { entries, limits }, creds, tls: defaults.tls };
  return env === null ? job : { ...job, registries: { hosts, tlsVerify: tlsVerifyOf(defaults.tls) } };
}

function readEntries(
  { entries }: CheckedDocument,
  defaults: JobDefaults,
  noteAt: (place: Path) => NoteProblem,
): BatchEntry[] {
  return entries.flatMap(({ entry, index }) => {
    const read = readEntry(entry, defaults, noteAt(['sync', index]));
    return read === null ? [] : [read];
  });
}

function checkRepeated(creds: readonly JobCreds[], note: NoteProblem): void {
  const seen = new Set<string>();
  for (const [index, { registry }] of creds.entries()) {
    if (seen.has(registry)) note([index, 'registry'], 'this registry is there twice; keep one of them');
    seen.add(registry);
  }
}

/** What defaults say about the run as a whole. */
export function limitsOf({ limits = {}, retries }: NonNullable<JobDocument['defaults']>): BatchLimits {
  const { jobs, spoolBytes, memoryBytes, abortOnError } = limits;
  return {
    ...(jobs === undefined ? {} : { jobs }),
    ...(retries === undefined ? {} : { retries }),
    ...(spoolBytes === undefined ? {} : { spoolBytes: bytesOf(spoolBytes) }),
    ...(memoryBytes === undefined ? {} : { memoryBytes: bytesOf(memoryBytes) }),
    ...(abortOnError === undefined ? {} : { abortOnError }),
  };
}

const POWERS: Readonly<Record<string, number>> = { M: 2, G: 3, T: 4 };

function bytesOf(given: number | string): number {
  if (typeof given === 'number') return given;
  const [, number, unit, binary] = /^([\d.]+)([MGT])(i?)B$/.exec(given)!;
  return Math.floor(Number(number) * (binary === 'i' ? 1024 : 1000) ** POWERS[unit!]!);
}

/** From top to bottom, as a person mends them. */
function inOrder(problems: readonly Problem[]): Problem[] {
  return problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
}
