import { setTimeout } from 'node:timers/promises';
import { isPassing } from '../../errors/passing.ts';
import { asEngineError } from '../../errors/wire.ts';
import { throwIfAborted } from '../../streams/abort.ts';
import type { Batch, BatchEntry } from '../batch.ts';
import { checkBatch } from '../check-batch.ts';
import { needsTimes } from '../image-filter.ts';
import type { Destinations } from '../run/destinations.ts';
import type { ReadSource, SourceShelf } from '../run/source-shelf.ts';
import type { BatchTools } from '../tools.ts';
import { refuseSameNames } from './same-names.ts';
import { expandSources } from './expand-sources.ts';
import { fingerprintOf } from './fingerprint.ts';
import { groupBy } from './group-by.ts';
import { inParallel } from './in-parallel.ts';
import { canonicalJson, keyOf } from './keys.ts';
import { type Outline, outlinesOf } from './outline.ts';
import type { Plan, PlannedBlob, PlannedImage, PlannedSource } from './plan.ts';
import { type PlannedPart, refusedImage, SourcePlanner } from './plan-source.ts';
import { wantedOf } from './wanted.ts';

export interface PlanOptions {
  tools: BatchTools;
  destinations: Destinations;
  shelf: SourceShelf;
  /** An earlier plan: sources that have not changed since are not read again. */
  previous: Plan | null;
  /** Whether destinations are asked for the layers that they have. */
  foresees: boolean;
  signal: AbortSignal;
  onWarning: (message: string) => void;
  /** Told how many of the sources have been read. */
  onSource?: ((done: number, total: number) => void) | undefined;
}

/** A source of the batch, before it is read. */
interface Found extends PlannedSource {
  number: number;
  error: Error | null;
}

/** Sources that are read at once. */
const AT_ONCE = 8;

/** The name of a batch: what its ledger is called and known by. */
export function batchId(batch: Batch): string {
  return keyOf(canonicalJson(batch));
}

/**
 * Reads every manifest of the sources and says what is to be done. A source or image that cannot be read or placed is an image
 * with a problem, so that the rest goes on. Throws INVALID_ARGUMENT, … for what is wrong with the batch itself, CANCELLED.
 */
export async function makePlan(batch: Batch, options: PlanOptions): Promise<Plan> {
  checkBatch(batch);
  const found = await findSources(batch, options);
  const kept = keptParts(batch, found, options.previous);
  const parts = await new Reading(batch, options, found, kept).all();
  const images = new Map<string, PlannedImage>();
  const blobs = new Map<string, PlannedBlob>();
  for (const part of parts) {
    for (const image of part.images) if (!images.has(image.key)) images.set(image.key, image);
    for (const blob of part.blobs) if (!blobs.has(blob.key)) blobs.set(blob.key, blob);
  }
  return {
    version: 1,
    id: batchId(batch),
    batch,
    sources: found.map(({ location, entry, fingerprint }) => ({ location, entry, fingerprint })),
    images: refuseSameNames([...images.values()]),
    blobs: [...blobs.values()],
  };
}

async function findSources(batch: Batch, { tools, signal }: PlanOptions): Promise<Found[]> {
  const found: Omit<Found, 'fingerprint'>[] = [];
  for await (const { entry, location, error } of expandSources(batch, { registries: tools.from.registries, signal }))
    found.push({ number: found.length, entry, location, error });
  return inParallel(found, 2 * AT_ONCE, async (source) => ({
    ...source,
    fingerprint: source.error === null ? await fingerprintOf(source.location, tools.from.registries, signal) : null,
  }));
}

/** What of an earlier plan still holds, by the number of the source. */
function keptParts(batch: Batch, found: readonly Found[], previous: Plan | null): Map<number, PlannedPart> {
  const kept = new Map<number, PlannedPart>();
  if (previous === null) return kept;
  const before = new Map(previous.sources.map((source, number) => [sameSource(previous.batch, source), number]));
  const anew = entriesThatChanged(batch, found, previous);
  const imagesOf = groupBy(previous.images, ({ source }) => source);
  const blobs = new Map(previous.blobs.map((blob) => [blob.key, blob]));
  for (const source of found) {
    const number = before.get(sameSource(batch, source));
    if (number === undefined || source.fingerprint === null || anew.has(batch.entries[source.entry]!)) continue;
    const images = imagesOf.get(number) ?? [];
    if (images.some(({ problem }) => problem !== null)) continue;
    const moved = images.map((image) => ({ ...image, source: source.number }));
    kept.set(source.number, { images: moved, blobs: moved.flatMap((image) => blobsOf(image, blobs)) });
  }
  return kept;
}

/** The layers of an image, to be read from there: who had them first may be gone. */
function blobsOf({ key, blobs }: PlannedImage, known: ReadonlyMap<string, PlannedBlob>): PlannedBlob[] {
  return blobs.map((blob, layer) => ({ ...known.get(blob)!, image: key, layer }));
}

/**
 * Entries that have to be read as a whole, because one of their sources has changed, come or gone: which images are the newest
 * depends on all of them. Numbers are counted through all entries that want them.
 */
function entriesThatChanged(batch: Batch, found: readonly Found[], previous: Plan): Set<BatchEntry> {
  if (!batch.entries.some(dependsOnOthers)) return new Set();
  const changed = new Set<string>();
  const note = (of: Batch, sources: readonly PlannedSource[], others: ReadonlySet<string>): void => {
    for (const source of sources)
      if (!others.has(sameSource(of, source))) changed.add(canonicalJson(of.entries[source.entry]));
  };
  note(batch, found, new Set(previous.sources.map((source) => sameSource(previous.batch, source))));
  note(previous.batch, previous.sources, new Set(found.map((source) => sameSource(batch, source))));
  const isChanged = (entry: BatchEntry): boolean => changed.has(canonicalJson(entry));
  const numbersChange = [...batch.entries, ...previous.batch.entries].some(
    (entry) => isNumbered(entry) && isChanged(entry),
  );
  return new Set(
    batch.entries.filter(
      (entry) => dependsOnOthers(entry) && (isChanged(entry) || (isNumbered(entry) && numbersChange)),
    ),
  );
}

function sameSource(batch: Batch, { location, entry, fingerprint }: PlannedSource): string {
  return canonicalJson([location, batch.entries[entry], fingerprint]);
}

/** Whether what is wanted of a source, or how it is called, depends on the other sources of its entry. */
function dependsOnOthers(entry: BatchEntry): boolean {
  return (entry.filter !== undefined && needsTimes(entry.filter)) || isNumbered(entry);
}

function isNumbered({ target }: BatchEntry): boolean {
  return target.includes('{n}');
}

/** The reading of all sources that have to be read. */
class Reading {
  readonly #batch: Batch;
  readonly #options: PlanOptions;
  readonly #found: readonly Found[];
  readonly #kept: ReadonlyMap<number, PlannedPart>;
  readonly #planner: SourcePlanner;
  readonly #now = new Date();
  #done = 0;
  #things = 0;

  constructor(batch: Batch, options: PlanOptions, found: readonly Found[], kept: ReadonlyMap<number, PlannedPart>) {
    [this.#batch, this.#options, this.#found, this.#kept] = [batch, options, found, kept];
    this.#planner = new SourcePlanner(options.destinations, options.foresees);
  }

  async all(): Promise<PlannedPart[]> {
    const outlines = new Map<number, Outline[]>();
    const together = this.#found.filter((source) => dependsOnOthers(this.#entryOf(source)));
    // One after the other where the order gives numbers, so that these are the same each time.
    await inParallel(together, AT_ONCE, async (source) => {
      if (this.#kept.has(source.number)) return;
      const read = await this.#read(source, (given) => Promise.resolve(outlinesOf(given.items)));
      if (Array.isArray(read)) outlines.set(source.number, read);
    });
    const wanted = this.#wantedTogether(together, outlines);
    const inTurn = new Set(together);
    const alone = this.#found.filter((source) => !inTurn.has(source));
    const parts = new Map<number, PlannedPart>(this.#kept);
    const plan = async (source: Found): Promise<void> => {
      if (!parts.has(source.number)) parts.set(source.number, await this.#plan(source, wanted.get(source.number)));
      this.#options.onSource?.(++this.#done, this.#found.length);
    };
    for (const source of together) await plan(source);
    await inParallel(alone, AT_ONCE, plan);
    return this.#found.map(({ number }) => parts.get(number)!);
  }

  #wantedTogether(sources: readonly Found[], outlines: ReadonlyMap<number, Outline[]>): Map<number, Outline[]> {
    const wanted = new Map<number, Outline[]>();
    for (const [entry, own] of groupBy(sources, (source) => source.entry)) {
      const lists = own.map(({ number }) => outlines.get(number) ?? []);
      const chosen = wantedOf(this.#batch.entries[entry]!.filter, lists, this.#now);
      for (const [at, source] of own.entries()) if (outlines.has(source.number)) wanted.set(source.number, chosen[at]!);
    }
    return wanted;
  }

  async #plan(source: Found, chosen: Outline[] | undefined): Promise<PlannedPart> {
    const entry = this.#entryOf(source);
    const part = await this.#read(source, ({ items }) => {
      const wanted = chosen ?? wantedOf(entry.filter, [outlinesOf(items)], this.#now)[0]!;
      return this.#planner.plan({ ...source, entry, items, wanted, next: () => ++this.#things });
    });
    return part instanceof Error ? refused(source, entry, part) : part;
  }

  /** Reads a source, again where it may go well later; answers why it cannot be read. */
  async #read<Value>(source: Found, work: (read: ReadSource) => Promise<Value>): Promise<Value | Error> {
    const { shelf, signal, onWarning } = this.#options;
    const { location, error: missing } = source;
    if (missing !== null) return missing;
    const retries = this.#entryOf(source).limits?.retries ?? this.#batch.limits.retries ?? 3;
    for (let attempt = 1; ; attempt++) {
      throwIfAborted(signal);
      try {
        return await shelf.with(location, this.#entryOf(source), async (read) => {
          for (const warning of read.warnings) onWarning(`${location}: ${warning}`);
          return work(read);
        });
      } catch (thrown) {
        const error = asEngineError(thrown);
        if (error.kind === 'Cancelled') throw error;
        if (attempt > retries || !isPassing(error)) return error;
        await setTimeout(1000 * 2 ** (attempt - 1), undefined, { signal }).catch(() => {});
      }
    }
  }

  #entryOf({ entry }: Found): BatchEntry {
    return this.#batch.entries[entry]!;
  }
}

function refused(source: Found, entry: BatchEntry, error: Error): PlannedPart {
  return { images: [refusedImage({ ...source, entry }, source.location, null, error)], blobs: [] };
}
