import { profileText } from '../../compression/profile-text.ts';
import type { CopyDesk } from '../../coordinator/copy/copy-desk.ts';
import { asEngineError } from '../../errors/wire.ts';
import type { Digest } from '../../identity/digest.ts';
import type { ModernImage, SourceArtifact, SourceItem, SourceLayer } from '../../image/image-source.ts';
import { formatPlatform } from '../../image/platform.ts';
import { subjectOf } from '../../image/subject-tag.ts';
import type { BatchEntry } from '../batch.ts';
import type { Destinations } from '../run/destinations.ts';
import type { Json } from '../ledger/ledger.ts';
import { keyOf } from './keys.ts';
import type { Outline } from './outline.ts';
import { type Place, placesOf } from './placing.ts';
import type { PlannedBlob, PlannedImage } from './plan.ts';
import { renamed } from './rename.ts';

export interface SourceToPlan {
  entry: BatchEntry;
  /** Its number among the sources of the plan. */
  number: number;
  location: string;
  fingerprint: string | null;
  items: readonly SourceItem[];
  /** What of it is wanted, each with the names that are. */
  wanted: readonly Outline[];
  /** Numbers things through the whole batch, from 1. */
  next: () => number;
}

export interface PlannedPart {
  images: PlannedImage[];
  blobs: PlannedBlob[];
}

/** Plans what one source gives: which images go where, and which layers they need there. */
export class SourcePlanner {
  readonly #destinations: Destinations;
  /** Whether destinations are asked for the layers that they have. */
  readonly #foresees: boolean;

  constructor(destinations: Destinations, foresees: boolean) {
    [this.#destinations, this.#foresees] = [destinations, foresees];
  }

  async plan(source: SourceToPlan): Promise<PlannedPart> {
    const part: PlannedPart = { images: [], blobs: [] };
    for (const thing of source.wanted) {
      const number = source.next();
      try {
        for (const place of placesOfThing(source, thing, number)) await this.#plan(source, thing, place, part);
      } catch (error) {
        const item = source.items[thing.place]!;
        // That it has no place is the least that is wrong with what cannot be read.
        const why = item.kind === 'broken' ? item.error : error;
        part.images.push(refusedImage(source, item.ref, thing.place, why));
      }
    }
    for (const [at, item] of source.items.entries())
      if (item.kind === 'artifact') part.images.push(...artifactsOf(source, item, at, part.images));
    return part;
  }

  async #plan(source: SourceToPlan, thing: Outline, place: Place, part: PlannedPart): Promise<void> {
    const members: string[] = [];
    for (const member of thing.members) {
      const image = await this.#image(source, member, { ...place, names: [], additional: [] }, place.names, part);
      members.push(image.key);
    }
    await this.#image(source, thing.place, place, null, part, members);
  }

  async #image(
    source: SourceToPlan,
    at: number,
    place: Place,
    inIndex: string[] | null,
    part: PlannedPart,
    needs: string[] = [],
  ): Promise<PlannedImage> {
    const item = source.items[at]!;
    const planned = plannedOf(source, item, at, { ...place, inIndex, needs });
    const known = part.images.find(({ key }) => key === planned.key);
    if (known !== undefined) return known;
    if (item.kind === 'modern') planned.blobs = await this.#blobs(source, item, planned, part);
    part.images.push(planned);
    return planned;
  }

  /** None for an image that may not be brought as it would have to be, or to a place that cannot be opened: its turn will tell. */
  async #blobs(source: SourceToPlan, item: ModernImage, planned: PlannedImage, part: PlannedPart): Promise<string[]> {
    const { destination, key } = planned;
    try {
      const desk = await this.#destinations.desk(destination, source.entry);
      await desk.check(source.location, item);
      const blobs = await Promise.all(item.layers.map((layer) => this.#blob(desk, layer)));
      for (const [layer, blob] of blobs.entries())
        part.blobs.push({ ...blob, destination, image: key, layer, key: blobKey(destination, blob) });
      return blobs.map((blob) => blobKey(destination, blob));
    } catch (error) {
      if (asEngineError(error).kind === 'Cancelled') throw error;
      return [];
    }
  }

  async #blob(
    desk: CopyDesk,
    layer: SourceLayer,
  ): Promise<Pick<PlannedBlob, 'digest' | 'diffId' | 'profile' | 'size' | 'there'>> {
    const { blob, diffId } = layer;
    const packing = await desk.profileOf(layer);
    const there = this.#foresees && (await desk.foresee(layer)).there;
    return {
      digest: blob.digest ?? diffId,
      diffId,
      profile: packing === null ? 'keep' : profileText(packing),
      size: blob.size ?? ('length' in blob ? (blob.length ?? null) : null),
      there,
    };
  }
}

function placesOfThing({ entry, items }: SourceToPlan, thing: Outline, number: number): Place[] {
  const item = items[thing.place]!;
  const rules = entry.rename ?? [];
  const names = thing.names.map((name) => renamed(name, rules));
  const digest = digestOf(item) ?? (item.kind === 'modern' ? item.configDigest : null);
  return placesOf({ target: entry.target, names, ref: item.ref, digest, number });
}

/** A thing, or a whole source where `place` is null, that cannot be brought: the run tells so in its turn. */
export function refusedImage(
  { entry, number, location }: Pick<SourceToPlan, 'entry' | 'number' | 'location'>,
  ref: string,
  place: number | null,
  thrown: unknown,
): PlannedImage {
  const { code, message, details, kind } = asEngineError(thrown);
  if (kind === 'Cancelled') throw thrown;
  const standing = { names: [], only: null, additional: [], inIndex: null, blobs: [], needs: [] };
  const unknown = { digest: null, configDigest: null, platform: null };
  return {
    key: keyOf('refused', location, ref, place, entry.target),
    kind: 'image',
    source: number,
    place,
    ref,
    destination: entry.target,
    ...standing,
    ...unknown,
    problem: { code, message, details: details as Json },
  };
}

function plannedOf(
  { entry, number, location, fingerprint }: SourceToPlan,
  item: SourceItem,
  place: number,
  given: Place & Pick<PlannedImage, 'inIndex' | 'needs'>,
): PlannedImage {
  const { destination, names, only, additional, inIndex, needs } = given;
  const kind = item.kind === 'index' || item.kind === 'artifact' ? item.kind : 'image';
  const digest = digestOf(item);
  const configDigest = item.kind === 'modern' ? item.configDigest : null;
  const { packing = null, format = null, preserveDigests = null, allow = null } = entry;
  // What has no digest is told from what it was before by the file that it comes from.
  const content = digest ?? configDigest ?? fingerprint;
  const terms = JSON.stringify([packing, format, preserveDigests, allow]);
  return {
    key: keyOf(kind, destination, location, item.ref, content, terms, names, only, additional, inIndex),
    kind,
    source: number,
    place,
    ref: item.ref,
    names,
    only,
    additional,
    inIndex,
    destination,
    digest,
    configDigest,
    platform: item.kind === 'modern' && item.platform !== null ? formatPlatform(item.platform) : null,
    blobs: [],
    needs,
    problem: null,
  };
}

/** What refers to something goes wherever that goes. */
function artifactsOf(
  source: SourceToPlan,
  item: SourceArtifact,
  at: number,
  images: readonly PlannedImage[],
): PlannedImage[] {
  const subject = subjectOf(item);
  const about = images.filter(({ digest }) => digest !== null && digest === subject);
  return about.map(({ key, destination }) =>
    plannedOf(source, item, at, { destination, names: [], only: null, additional: [], inIndex: null, needs: [key] }),
  );
}

function digestOf(item: SourceItem): Digest | null {
  if (item.kind === 'index' || item.kind === 'artifact') return item.digest;
  return item.kind === 'modern' ? (item.manifest?.digest ?? null) : null;
}

function blobKey(
  destination: string,
  { digest, diffId, profile }: Pick<PlannedBlob, 'digest' | 'diffId' | 'profile'>,
): string {
  return keyOf('blob', destination, digest, diffId, profile);
}
