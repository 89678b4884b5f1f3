import { printable } from '../../reporting/printable.ts';
import { parseLocation } from '../../formats/transports.ts';
import type { BatchEntry, BatchLimits, BatchPacking, BatchSource } from '../batch.ts';
import type { SourceType } from './endpoints.ts';
import type { JobDefaults, JobDocument, JobEntry } from './job-schema.ts';
import type { Job } from './read-job-file.ts';
import { printYaml } from './yaml-document.ts';

/** Prints a batch as a job file: reading it again gives the same batch. `comments` are put above it, a line each. */
export function printJobFile(job: Pick<Job, 'batch'> & Partial<Job>, comments: readonly string[] = []): string {
  return printYaml(jobDocument(job), comments.map(printable));
}

/** The same as a value, for JSON. */
export function jobDocument({ batch, creds = [], tls }: Pick<Job, 'batch'> & Partial<Job>): JobDocument {
  const defaults = said({ ...defaultsOf(batch.limits), tls });
  return {
    version: 1,
    ...(creds.length === 0 ? {} : { creds: [...creds] }),
    ...(Object.keys(defaults).length === 0 ? {} : { defaults }),
    sync: batch.entries.map(entryOf),
  };
}

function said<Value extends object>(value: Value): Value {
  return Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as Value;
}

function defaultsOf({ jobs, retries, spoolBytes, memoryBytes, abortOnError }: BatchLimits): JobDefaults {
  const limits = said({ jobs, spoolBytes, memoryBytes, abortOnError });
  return said({ retries, limits: Object.keys(limits).length === 0 ? undefined : limits });
}

function entryOf(entry: BatchEntry): JobEntry {
  const { source, target, filter, packing } = entry;
  return said({
    source: source.location,
    target,
    type: typeOf(source),
    tags: filter === undefined ? undefined : said({ ...names(filter), ...versions(filter) }),
    repos: source.type === 'registry' && source.repositories !== undefined ? names(source.repositories) : undefined,
    platforms: copyOf(entry.platforms),
    referrers: entry.referrers,
    compression: packing === undefined ? undefined : compressionOf(packing),
    format: entry.format,
    preserveDigests: entry.preserveDigests,
    allow: entry.allow,
    limits: entry.limits,
    rename: copyOf(entry.rename),
  });
}

function copyOf<Item>(list: readonly Item[] | undefined): Item[] | undefined {
  return list === undefined ? undefined : [...list];
}

function names({ allow, deny }: { allow?: readonly string[] | undefined; deny?: readonly string[] | undefined }): {
  allow?: string[] | undefined;
  deny?: string[] | undefined;
} {
  return said({ allow: copyOf(allow), deny: copyOf(deny) });
}

function versions({ semver, newest, createdSince }: NonNullable<BatchEntry['filter']>): JobEntry['tags'] {
  return { semver: copyOf(semver), newest, createdSince };
}

function compressionOf({ compression, level, reproducible, repack }: BatchPacking): JobEntry['compression'] {
  return said({ format: compression, level, reproducible, force: repack });
}

/** The type under which reading gives the same source again. */
function typeOf({ type, location }: BatchSource): SourceType {
  if (type !== 'location') return type;
  const { transport } = parseLocation(location);
  switch (transport) {
    case 'docker-root':
    case 'containers-root':
      return 'docker-root';
    case 'docker-archive':
    case 'oci-archive':
      return 'archive';
    case null:
      // A path may be one of a kind that is found out when it is opened.
      return location.startsWith('store:') ? 'image' : 'archive';
    default:
      return 'image';
  }
}
