import { stat, statfs } from 'node:fs/promises';
import { freemem } from 'node:os';
import { dirname, resolve } from 'node:path';
import { engineError } from '../../errors/kinds.ts';
import { errnoOf } from '../../errors/system-error.ts';
import type { FormatContext } from '../../formats/context.ts';
import { parseDockerReference } from '../../formats/distribution/docker-reference.ts';
import type { PullsLeft, Registries } from '../../formats/distribution/registry.ts';
import { parseLocation } from '../../formats/transports.ts';
import { memoryOf } from '../../pool/cpu-count.ts';
import { humanSize } from '../../reporting/human-size.ts';
import type { Plan, PlannedBlob } from './plan.ts';
import { calibrate, type Rates } from './calibrate.ts';

/** What a plan will need, before anything starts. Sizes are in bytes. */
export interface Estimate {
  /** Work of this machine, without waiting for the network or slow disks. */
  seconds: number;
  threads: number;
  rates: { keep: number; pack: Record<string, number> };
  /** By file system: what will be there at most at one time, beside what is there now, and what is free. */
  disks: { path: string; needed: number; free: number }[];
  memory: { needed: number; free: number };
  /** Manifests that are fetched from registries, and how many pulls they say are left. */
  pulls: { host: string; needed: number; left: number | null; limit: number | null }[];
}

/** Destinations whose blobs wait beside them until the whole is written. */
const WRITTEN_TWICE: ReadonlySet<string | null> = new Set(['docker-archive', 'oci-archive']);

export async function estimate(plan: Plan, context: FormatContext, spoolBytes: number): Promise<Estimate> {
  const open = plan.blobs.filter(({ there }) => !there);
  const profiles = [...new Set(open.map(({ profile }) => profile))].filter(
    (text) => text !== 'keep' && text !== 'none',
  );
  const rates = await calibrate(profiles, context);
  const { threads } = context.pool;
  return {
    seconds: secondsOf(open, rates),
    threads,
    rates: { keep: Math.round(rates.keep), pack: packRates(rates) },
    disks: await disksOf(open, rates, context.tempDir, spoolBytes),
    memory: { needed: memoryOf(threads), free: freemem() },
    pulls: pullsOf(plan, context.registries),
  };
}

/** Throws PLAN_DOES_NOT_FIT for the first thing that there is not enough of. */
export function refuseShortage({ disks, memory, pulls }: Estimate): void {
  for (const { path, needed, free } of disks)
    if (needed > free)
      throw doesNotFit(
        'disk',
        needed,
        free,
        `${path} needs about ${humanSize(needed)}, and ${humanSize(free)} are free`,
      );
  if (memory.needed > memory.free)
    throw doesNotFit(
      'memory',
      memory.needed,
      memory.free,
      `${humanSize(memory.needed)} of memory are needed, and ${humanSize(memory.free)} are free; use fewer --threads`,
    );
  for (const { host, needed, left } of pulls)
    if (left !== null && needed > left)
      throw doesNotFit(
        'pulls',
        needed,
        left,
        `${host} will be asked for ${needed} manifests, and allows ${left} more; log in, or cut the batch with --shards`,
      );
}

function doesNotFit(what: 'disk' | 'memory' | 'pulls', needed: number, available: number, message: string): Error {
  return engineError('PLAN_DOES_NOT_FIT', message, { what, needed, available });
}

function secondsOf(blobs: readonly PlannedBlob[], { keep, pack }: Rates): number {
  const seconds = blobs.reduce(
    (sum, { profile, size }) => sum + (size ?? 0) / (pack.get(profile)?.perSecond ?? keep),
    0,
  );
  return Math.round(seconds * 10) / 10;
}

function packRates({ pack }: Rates): Record<string, number> {
  return Object.fromEntries([...pack].map(([text, { perSecond }]) => [text, Math.round(perSecond)]));
}

async function disksOf(
  blobs: readonly PlannedBlob[],
  { pack }: Rates,
  tempDir: string,
  spoolBytes: number,
): Promise<Estimate['disks']> {
  const needs: [path: string, bytes: number][] = [];
  let largest = 0;
  for (const { destination, profile, size } of blobs) {
    const bytes = Math.round((size ?? 0) * (pack.get(profile)?.ratio ?? 1));
    const { transport, path } = parseLocation(destination);
    largest = Math.max(largest, size ?? 0);
    if (transport === null || transport === 'docker' || transport === 'null') continue;
    needs.push([resolve(path), bytes * (WRITTEN_TWICE.has(transport) ? 2 : 1)]);
  }
  // Layers that are packed or fetched pass through files: no more at once than the budget, and one larger than that alone.
  const passing = blobs.reduce((sum, { size }) => sum + (size ?? 0), 0);
  needs.push([tempDir, Math.min(passing, Math.max(spoolBytes, largest))]);
  const disks = new Map<string, { path: string; needed: number; free: number }>();
  for (const [path, bytes] of needs) {
    const { id, at, free } = await fileSystemOf(path);
    const disk = disks.get(id) ?? { path: at, needed: 0, free };
    disks.set(id, disk);
    disk.needed += bytes;
  }
  return [...disks.values()];
}

/** The file system of a place that need not be there yet; `at` is what of it is. */
async function fileSystemOf(path: string): Promise<{ id: string; at: string; free: number }> {
  for (let at = path; ; at = dirname(at)) {
    try {
      const { bavail, bsize, blocks, type } = await statfs(at);
      const { dev } = await stat(at);
      return { id: [dev, type, blocks].join(' '), at, free: bavail * bsize };
    } catch (error) {
      const errno = errnoOf(error);
      if ((errno !== 'ENOENT' && errno !== 'ENOTDIR') || at === dirname(at)) throw error;
    }
  }
}

function pullsOf({ images, sources }: Plan, registries: Registries | undefined): Estimate['pulls'] {
  const needed = new Map<string, number>();
  for (const { source, kind } of images) {
    const { transport, path } = parseLocation(sources[source]!.location);
    if (transport !== 'docker' || kind === 'artifact') continue;
    const { host } = parseDockerReference(path);
    needed.set(host, (needed.get(host) ?? 0) + 1);
  }
  const left = (host: string): PullsLeft | null => registries?.pullsLeft(host) ?? null;
  return [...needed].map(([host, count]) => ({
    host,
    needed: count,
    left: left(host)?.remaining ?? null,
    limit: left(host)?.limit ?? null,
  }));
}
