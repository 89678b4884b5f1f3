import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { relist } from '../../coordinator/copy/relist.ts';
import { parseDockerReference } from '../../formats/distribution/docker-reference.ts';
import { REF_NAME } from '../../formats/names.ts';
import { parseLocation } from '../../formats/transports.ts';
import { parseRepositoryTag } from '../../identity/reference.ts';
import { decodeIndex } from '../../image/manifest.ts';
import { throwIfAborted } from '../../streams/abort.ts';
import type { Json, Ledger, LedgerRow } from '../ledger/ledger.ts';
import { fingerprintOf } from '../plan/fingerprint.ts';
import { groupBy } from '../plan/group-by.ts';
import { inParallel } from '../plan/in-parallel.ts';
import type { Plan, PlannedImage } from '../plan/plan.ts';
import type { BatchTools } from '../tools.ts';
import type { Destinations } from './destinations.ts';
import type { DoneImage, ItemWork } from './item-work.ts';
import { destinationKey } from './ledger-plan.ts';

export interface CheckParts {
  tools: BatchTools;
  ledger: Ledger;
  plan: Plan;
  destinations: Destinations;
  work: ItemWork;
  /** Believe what the ledger says of finished destinations and of registries, without looking. */
  trust: boolean;
  signal: AbortSignal;
}

/** An image that was brought before. */
export interface Done {
  image: PlannedImage;
  done: DoneImage;
}

/** HEAD requests that wait for their turn at the hosts. */
const HEADS_AT_ONCE = 64;
/** In registries each repository is one, and hosts say how many requests they take. */
const DESTINATIONS_AT_ONCE = 32;

/**
 * Looks whether what the ledger calls done is still where it was put, by one HEAD for each tag, and one look at each local
 * destination; what is not there waits again. Destinations that are gone on with are told what they have. Answers what is there.
 */
export async function checkDone(parts: CheckParts): Promise<Done[]> {
  const rows = new Map((await parts.ledger.items()).map((row) => [row.item.key, row]));
  const notes = await parts.ledger.notes();
  const placed = parts.plan.images.filter(({ problem }) => problem === null);
  const places = groupBy(placed, ({ destination }) => destination);
  const found = await inParallel([...places], DESTINATIONS_AT_ONCE, ([location, images]) =>
    checkDestination(parts, location, images, rows, notes.get(`destination ${location}`) ?? null),
  );
  return found.flat();
}

async function checkDestination(
  parts: CheckParts,
  location: string,
  images: readonly PlannedImage[],
  rows: ReadonlyMap<string, LedgerRow>,
  note: Json,
): Promise<Done[]> {
  const { ledger, work } = parts;
  const done = images.flatMap((image): Done[] => {
    const row = rows.get(image.key);
    return row?.state === 'done' ? [{ image, done: row.result!.data as unknown as DoneImage }] : [];
  });
  const end = destinationKey(location);
  const isFinished = rows.get(end)?.state === 'done';
  const isWhole = isFinished && done.length === images.length;
  const found = withoutLost(done, await seen(parts, location, done, isWhole, note));
  const isAsItWas = isWhole && found.length === done.length;
  const kept = isAsItWas || keepsItself(location) ? found : withoutLost(done, await relisted(parts, location, found));
  const lost = new Set(done.filter((one) => !kept.includes(one)).map(({ image }) => image.key));
  const isOpen = lost.size > 0 || done.length < images.length;
  const again = [...lost].filter((key) => rows.get(key)?.state === 'done');
  if (isOpen && isFinished) again.push(end);
  // Who was not let finish looking knows of nothing that it is lost.
  throwIfAborted(parts.signal);
  if (again.length > 0) await ledger.reopen(again);
  for (const one of kept) work.recall(one.image, one.done);
  return kept;
}

/** A registry shows each thing as soon as it is there, and need not be told again what it has. */
function keepsItself(location: string): boolean {
  return ['docker', 'null'].includes(parseLocation(location).transport ?? '');
}

/**
 * What is left of things when those are gone that are not `there`: with an index its images are looked at again, and what
 * refers to an image, which a registry throws away with it.
 */
function withoutLost(done: readonly Done[], there: readonly Done[]): Done[] {
  const kept = new Set(there);
  const lost = new Set(done.filter((one) => !kept.has(one)).map(({ image }) => image.key));
  for (const { image } of done) if (lost.has(image.key)) for (const need of image.needs) lost.add(need);
  // In the order of the plan, where each comes after what it is about.
  for (const { image } of done)
    if (image.kind === 'artifact' && image.needs.some((need) => lost.has(need))) lost.add(image.key);
  return done.filter(({ image }) => !lost.has(image.key));
}

/** What of it can be seen in the destination, as far as it shows anything before it is finished. */
async function seen(
  parts: CheckParts,
  location: string,
  done: readonly Done[],
  isWhole: boolean,
  note: Json,
): Promise<readonly Done[]> {
  const { transport, path } = parseLocation(location);
  if (done.length === 0 || transport === 'null') return done;
  if (transport === 'docker') return parts.trust ? done : tagged(parts, path, done);
  if (!isWhole || parts.trust || (await isAsNoted(location, note, parts.signal))) return done;
  return transport === 'oci' ? listedIn(path, done) : [];
}

async function isAsNoted(location: string, note: Json, signal: AbortSignal): Promise<boolean> {
  const { fingerprint = null } = (note ?? {}) as { fingerprint?: string | null };
  return fingerprint !== null && fingerprint === (await fingerprintOf(location, undefined, signal));
}

/** Those whose tags lead to them. A registry that cannot be asked says nothing for them. */
async function tagged({ tools, signal }: CheckParts, path: string, done: readonly Done[]): Promise<Done[]> {
  const { host, name, tag } = parseDockerReference(path);
  const repository = await tools.to.registries!.repository(host, name);
  const leads = async (reference: string, digest: string | null): Promise<boolean> =>
    (await repository.headManifest(reference, signal).catch(() => null))?.digest === digest;
  const checked = await inParallel(done, HEADS_AT_ONCE, async (one) => {
    const tags = tagsOf(one.image, tag);
    const found = await Promise.all(tags.map((reference) => leads(reference, one.done.digest)));
    return found.every((isSame) => isSame) ? [one] : [];
  });
  return checked.flat();
}

function tagsOf({ inIndex, kind, only, additional }: PlannedImage, tag: string | null): string[] {
  if (inIndex !== null || kind === 'artifact') return [];
  return [only ?? tag ?? 'latest', ...additional.map((name) => parseRepositoryTag(name).reference)];
}

/** Those that the index of a layout lists by their names. */
async function listedIn(path: string, done: readonly Done[]): Promise<Done[]> {
  const raw = await readFile(join(path, 'index.json')).catch(() => null);
  if (raw === null) return [];
  const lines = decodeIndex(raw, null).map(({ digest, annotations }) => ({ digest, name: annotations.get(REF_NAME) }));
  return done.filter(({ image, done: { digest, names } }) => {
    if (image.inIndex !== null || image.kind === 'artifact') return true;
    const own = lines.filter((line) => line.digest === digest).map(({ name }) => name);
    return own.length > 0 && (image.only === null ? names : [image.only]).every((name) => own.includes(name));
  });
}

/** Puts again what is whole in a destination that is gone on with, so that it is listed in the end. */
async function relisted(
  { destinations, plan, work }: CheckParts,
  location: string,
  done: readonly Done[],
): Promise<Done[]> {
  if (done.length === 0) return [];
  const entry = plan.batch.entries[plan.sources[done[0]!.image.source]!.entry]!;
  const sink = await destinations.sink(location, entry).catch(() => null);
  const kept: Done[] = [];
  for (const one of sink === null ? [] : done) {
    const { target, artifact } = one.done;
    const { inIndex } = one.image;
    if (target === null) continue;
    const before = { target, artifact, standing: work.standingOf(one.image), inIndex: inIndex ?? undefined };
    if (await relist(sink!, before)) kept.push(one);
  }
  return kept;
}
