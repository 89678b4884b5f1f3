import type { Standing } from '../../coordinator/copy/copy-image.ts';
import type { CopyDesk, Written } from '../../coordinator/copy/copy-desk.ts';
import type { PackedLayers } from '../../coordinator/copy/packed-layers.ts';
import type { CopyResult } from '../../coordinator/jobs/copy.ts';
import { engineError } from '../../errors/kinds.ts';
import type { Digest } from '../../identity/digest.ts';
import type { Target } from '../../image/edit-manifest.ts';
import type { SinkArtifact } from '../../image/image-sink.ts';
import type { SourceArtifact, SourceIndex, SourceItem } from '../../image/image-source.ts';
import { quoted } from '../../image/strict-json.ts';
import type { BatchEntry } from '../batch.ts';
import type { ImageDone } from '../events.ts';
import type { Claim, ItemResult, Json, LedgerItem } from '../ledger/ledger.ts';
import { fingerprintOf } from '../plan/fingerprint.ts';
import type { Plan, PlannedBlob, PlannedImage } from '../plan/plan.ts';
import type { Destinations } from './destinations.ts';
import { errorOf } from './failures.ts';
import type { LayerMeter } from './layer-meter.ts';
import type { PlannedDestination } from './ledger-plan.ts';
import type { SourceShelf } from './source-shelf.ts';

/** What the ledger keeps of an image that was brought: what people are told, and what it takes to list it again. */
export interface DoneImage extends ImageDone {
  /** Null where the destination has no manifests. */
  target: Target | null;
  artifact: Pick<SinkArtifact, 'subject' | 'tag' | 'artifactType'> | null;
}

export interface WorkParts {
  plan: Plan;
  destinations: Destinations;
  shelf: SourceShelf;
  packed: PackedLayers;
  signal: AbortSignal;
}

/** Does the items of a plan, one at a time or many: their order is the ledger's affair. */
export class ItemWork {
  readonly #parts: WorkParts;
  readonly #images: ReadonlyMap<string, PlannedImage>;
  readonly #blobs: ReadonlyMap<string, PlannedBlob>;
  readonly #orders: ReadonlyMap<string, number>;
  /** By source: what its manifests have become. */
  readonly #written = new Map<string, Written>();

  constructor(parts: WorkParts) {
    this.#parts = parts;
    this.#images = new Map(parts.plan.images.map((image) => [image.key, image]));
    this.#blobs = new Map(parts.plan.blobs.map((blob) => [blob.key, blob]));
    this.#orders = new Map(parts.plan.images.map(({ key }, order) => [key, order]));
  }

  /** The entry of the batch that an item is for; the first one of a destination. */
  entryOf({ kind, data }: LedgerItem): BatchEntry {
    const { batch } = this.#parts.plan;
    if (kind === 'destination') return batch.entries[(data as unknown as PlannedDestination).entry]!;
    const image =
      kind === 'blob' ? this.#images.get((data as unknown as PlannedBlob).image)! : (data as unknown as PlannedImage);
    return this.#entryOf(image);
  }

  /** The source of an image, as a person wrote it. */
  locationOf(image: string): string {
    return this.#locationOf(this.#images.get(image)!);
  }

  /** What an earlier run has brought. */
  recall(image: PlannedImage, done: DoneImage): void {
    if (image.digest !== null && done.target !== null) this.#writtenOf(image).set(image.digest, done.target);
  }

  standingOf({ key, names, only, additional }: PlannedImage): Standing {
    return { names, ref: only, additional, order: this.#orders.get(key)! };
  }

  /** Brings one layer to one destination. */
  async blob({ item, known }: Claim, meter: LayerMeter): Promise<ItemResult> {
    const { packed, destinations } = this.#parts;
    const blob = item.data as unknown as PlannedBlob;
    const image = this.#images.get(blob.image)!;
    if (known !== null && blob.profile !== 'keep') packed.recall(blob.digest, blob.diffId, blob.profile, known);
    const layer = await this.#with(image, async (source, entry) => {
      const desk = await destinations.desk(blob.destination, entry);
      if (source.kind !== 'modern') throw this.#changed(image);
      return desk.layer(source.layers[blob.layer]!, meter);
    });
    const { digest, size, diffId, sent } = layer;
    return { blob: { digest, size, diffId }, sent, stages: meter.stages, data: null };
  }

  /** Brings an image whose layers are there, or an index, or what is about one; it can be seen when this has ended. */
  async image(claim: Claim): Promise<ItemResult> {
    const planned = claim.item.data as unknown as PlannedImage;
    if (planned.problem !== null && !this.#isWholeSource(planned)) throw errorOf(planned.problem);
    // Its layers come from here too: reading them again would find the same.
    const broken = claim.needs.find(({ key, failure }) => failure?.class === 'permanent' && this.#isFrom(key, planned));
    if (broken !== undefined) throw errorOf(broken.failure!);
    const done = await this.#with(planned, (source, entry) => this.#put(claim, planned, source, entry));
    await this.#parts.destinations.checkpoint(planned.destination);
    return { blob: null, sent: 0, stages: {}, data: done as unknown as Json };
  }

  /** What was refused as a whole is read once more; what could not be listed names something else than it would be read as. */
  #isWholeSource({ place, source }: PlannedImage): boolean {
    const { batch, sources } = this.#parts.plan;
    return place === null && batch.entries[sources[source]!.entry]!.source.type === 'location';
  }

  /** Finishes a destination where there is anything to finish; answers what it is then, to be known again by. */
  async destination({
    item,
    needs,
  }: Claim): Promise<{ result: ItemResult; fingerprint: string | null; images: number }> {
    const { location } = item.data as unknown as PlannedDestination;
    const { destinations, signal } = this.#parts;
    const images = needs.filter(({ result }) => result !== null).length;
    if (images > 0) await destinations.commit(location);
    else await destinations.close(location);
    const fingerprint = location.startsWith('docker:') ? null : await fingerprintOf(location, undefined, signal);
    return { result: { blob: null, sent: 0, stages: {}, data: { images } }, fingerprint, images };
  }

  async #put(claim: Claim, planned: PlannedImage, source: SourceItem, entry: BatchEntry): Promise<DoneImage> {
    const desk = await this.#parts.destinations.desk(planned.destination, entry);
    if (source.kind === 'index') return this.#putIndex(desk, planned, source);
    if (source.kind === 'artifact') return this.#putArtifact(desk, claim, planned, source);
    if (source.kind === 'broken') throw source.error;
    const image =
      source.kind === 'modern' && planned.inIndex !== null ? { ...source, inIndex: planned.inIndex } : source;
    const prepared = await desk.prepare(this.#locationOf(planned), image);
    const { result, target } = await desk.put(prepared, this.#writtenOf(planned), this.standingOf(planned));
    return { ...doneOf(this.#locationOf(planned), planned, result), target, artifact: null };
  }

  async #putIndex(desk: CopyDesk, planned: PlannedImage, source: SourceIndex): Promise<DoneImage> {
    const put = await desk.putIndex(source, this.#writtenOf(planned), this.standingOf(planned));
    const { target, warnings } = put!;
    const equality = target.digest === source.digest ? 'identical' : 'manifest';
    const done = { digest: target.digest, layers: 0, bytes: 0, equality, warnings } as const;
    return { ...this.#heading(planned), ...done, changed: true, target, artifact: null };
  }

  async #putArtifact(desk: CopyDesk, claim: Claim, planned: PlannedImage, source: SourceArtifact): Promise<DoneImage> {
    const missing = claim.needs.find(({ failure }) => failure !== null);
    // It is brought when that is.
    if (missing !== undefined) throw errorOf(missing.failure!);
    for (const { result } of claim.needs) {
      const about = result?.data as unknown as DoneImage | undefined;
      if (about?.digest != null && about.digest === about.sourceDigest) desk.arrived(about.digest);
    }
    const came = await desk.putArtifact(source, this.#orders.get(planned.key));
    const { raw, mediaType, digest, subject, tag, artifactType } = source;
    const bytes = source.blobs.reduce((sum, blob) => sum + (blob.size ?? 0), 0);
    return {
      ...this.#heading(planned),
      digest: came ? digest : null,
      layers: source.blobs.length,
      bytes,
      changed: came,
      equality: 'identical',
      warnings: came ? [] : [`${source.ref} stays behind: what it is about is not in the destination as it was`],
      target: came ? { digest, mediaType, size: raw.length } : null,
      artifact: { subject, tag, artifactType },
    };
  }

  #heading(
    planned: PlannedImage,
  ): Pick<DoneImage, 'kind' | 'source' | 'ref' | 'names' | 'destination' | 'platform' | 'sourceDigest'> {
    const { kind, ref, destination, platform, digest } = planned;
    return {
      kind,
      source: this.#locationOf(planned),
      ref,
      names: shownNames(planned),
      destination,
      platform,
      sourceDigest: digest,
    };
  }

  /** Calls `work` with what the plan means, if it is still there. */
  async #with<Value>(
    planned: PlannedImage,
    work: (item: SourceItem, entry: BatchEntry) => Promise<Value>,
  ): Promise<Value> {
    const entry = this.#entryOf(planned);
    return this.#parts.shelf.with(this.#locationOf(planned), entry, ({ items }) => {
      const item = planned.place === null ? undefined : items[planned.place];
      if (item === undefined || !isSame(item, planned)) throw this.#changed(planned);
      return work(item, entry);
    });
  }

  #isFrom(blobKey: string, { blobs, source }: PlannedImage): boolean {
    if (!blobs.includes(blobKey)) return false;
    return this.#images.get(this.#blobs.get(blobKey)!.image)!.source === source;
  }

  #writtenOf({ source, destination }: PlannedImage): Written {
    const key = `${source} ${destination}`;
    const written: Written = this.#written.get(key) ?? new Map<Digest, Target>();
    this.#written.set(key, written);
    return written;
  }

  #locationOf({ source }: PlannedImage): string {
    return this.#parts.plan.sources[source]!.location;
  }

  #entryOf({ source }: PlannedImage): BatchEntry {
    return this.#parts.plan.batch.entries[this.#parts.plan.sources[source]!.entry]!;
  }

  #changed(planned: PlannedImage): Error {
    const path = this.#locationOf(planned);
    const message = `${quoted(path)} is not what it was when the batch was planned; run it again, and it is planned anew`;
    return engineError('SOURCE_CHANGED', message, { path });
  }
}

function isSame(item: SourceItem, { digest, configDigest }: PlannedImage): boolean {
  if (item.kind === 'modern') return item.configDigest === configDigest && (item.manifest?.digest ?? null) === digest;
  return item.kind === 'index' || item.kind === 'artifact' ? item.digest === digest : true;
}

/** What it is called in its destination, with the repository where that is the destination. */
function shownNames({ names, only, additional }: PlannedImage): string[] {
  return only === null || names.length > 0 ? names : [only, ...additional];
}

function doneOf(source: string, planned: PlannedImage, result: CopyResult): ImageDone {
  const { kind, ref, destination, platform, digest } = planned;
  const { manifestDigest, layers, bytes, equality, warnings } = result;
  return {
    kind,
    source,
    ref,
    names: shownNames(planned),
    destination,
    platform,
    sourceDigest: digest,
    digest: manifestDigest as Digest | null,
    layers,
    bytes,
    changed: true,
    equality,
    warnings,
  };
}
