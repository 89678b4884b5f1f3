import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CompressionProfile } from '../../compression/codec.ts';
import { profileFor } from '../../compression/codecs.ts';
import { withLibrary } from '../../compression/libraries.ts';
import type { Digest } from '../../identity/digest.ts';
import type { Target } from '../../image/edit-manifest.ts';
import type { LegacyImage, ModernImage, SourceArtifact, SourceIndex, SourceLayer } from '../../image/image-source.ts';
import { allDone } from '../../streams/all-done.ts';
import type { JobRun, JobTools } from '../job-context.ts';
import type { CopiedArtifact, CopyResult, CopyTerms } from '../jobs/copy.ts';
import { ArtifactCopier } from './copy-artifact.ts';
import {
  foreseeEquality,
  type ImageToCopy,
  type PreparedImage,
  resultOf,
  sinkImage,
  type Standing,
} from './copy-image.ts';
import { copiedIndex } from './copy-index.ts';
import { foreseen } from './dry-run.ts';
import { type CopiedLayer, type ForeseenLayer, LayerCopier, type LayerPlan } from './layer-copier.ts';
import type { LayerWatch } from './layer-watch.ts';
import { LegacyConverter } from './legacy-image.ts';
import type { PackedLayers } from './packed-layers.ts';

/** What the manifests of a source have become, by their digests there. */
export type Written = Map<Digest, Target>;

/**
 * Brings layers and images to one destination, in whatever order they come: layers side by side and each once, then the
 * images that have them, then what is about those. Who gives it work keeps the order in which things must be there.
 */
export class CopyDesk implements AsyncDisposable {
  readonly #terms: CopyTerms;
  readonly #copier: LayerCopier;
  readonly #converter: LegacyConverter;
  readonly #artifacts: ArtifactCopier;
  readonly #dir: string;

  private constructor(tools: JobTools, terms: CopyTerms, run: JobRun, plan: LayerPlan) {
    this.#terms = terms;
    this.#dir = plan.dir;
    this.#copier = new LayerCopier(tools, run, plan);
    this.#converter = new LegacyConverter(tools, run, plan.dir);
    this.#artifacts = new ArtifactCopier(terms, run, this.#copier);
  }

  /** Throws LIBRARY_UNAVAILABLE, INVALID_ARGUMENT for a packing that cannot be done. */
  static async open(tools: JobTools, terms: CopyTerms, run: JobRun, packed: PackedLayers): Promise<CopyDesk> {
    const { sink, repack = false } = terms;
    const profile = await profileOf(terms);
    const beside = terms.dryRun === true ? undefined : sink.workDir;
    const dir = await mkdtemp(join(beside ?? tools.tempDir, 'new-layermill-copy-'));
    return new CopyDesk(tools, terms, run, { sink, profile, repack, packed, dir });
  }

  /** What has come of things that refer to images. */
  get artifacts(): readonly CopiedArtifact[] {
    return this.#artifacts.copied;
  }

  /** Packed how, or null for as it is. */
  profileOf(layer: SourceLayer): Promise<CompressionProfile | null> {
    return this.#copier.profileOf(layer);
  }

  foresee(layer: SourceLayer): Promise<ForeseenLayer> {
    return this.#copier.foresee(layer);
  }

  /** Throws MANIFEST_NOT_PRESERVED or CHANGE_NOT_ALLOWED for an image that would change more than it may. */
  async check(source: string, image: ModernImage): Promise<void> {
    await foreseeEquality(this.#terms, this.#copier, { source, image, names: image.names, chain: null });
  }

  layer(layer: SourceLayer, watch?: LayerWatch): Promise<CopiedLayer> {
    return this.#copier.copy(layer, watch);
  }

  /** Brings what an image needs; nothing is said of the image yet. Throws what is wrong with it. */
  async prepare(source: string, item: ModernImage | LegacyImage): Promise<PreparedImage> {
    const started = performance.now();
    const prepared = await this.#prepare(source, item);
    return { ...prepared, seconds: Math.round(performance.now() - started) / 1000 };
  }

  /** `target` is what to list it by; null where the destination has no manifests, and in a dry run. */
  async put(
    prepared: PreparedImage,
    written: Written,
    standing?: Standing,
  ): Promise<{ result: CopyResult; target: Target | null }> {
    const { sink, dryRun = false } = this.#terms;
    const { manifest } = prepared.asked.image;
    const made = sinkImage(this.#terms, prepared, standing);
    const same = prepared.foreseen === 'identical' ? (manifest?.digest ?? null) : null;
    const target = dryRun ? null : (await sink.putImage(made)).manifest;
    const digest = target?.digest ?? (dryRun ? same : null);
    if (manifest !== null && digest !== null) {
      if (manifest.digest === digest) this.arrived(digest);
      const { raw, mediaType } = made.manifest ?? manifest;
      written.set(manifest.digest, target ?? { digest, size: raw.length, mediaType });
    }
    return { result: resultOf(this.#terms, prepared, digest), target };
  }

  /** Answers what the index has become; null in a dry run. */
  async putIndex(
    item: SourceIndex,
    written: ReadonlyMap<Digest, Target>,
    standing?: Standing,
  ): Promise<{ target: Target; warnings: string[] } | null> {
    const { sink, dryRun, additionalNames = [] } = this.#terms;
    if (dryRun === true) return null;
    const { index, warnings } = await copiedIndex(this.#terms, this.#copier, item, written);
    await sink.putIndex({ ...index, additional: additionalNames, ...standing });
    if (index.digest === item.digest) this.arrived(item.digest);
    return { target: { digest: index.digest, size: index.raw.length, mediaType: index.mediaType }, warnings };
  }

  /** False when it has no place here, or nothing that it could be about. */
  putArtifact(item: SourceArtifact, order?: number): Promise<boolean> {
    return this.#artifacts.put(item, order);
  }

  /** A manifest is in the destination as it was in its source. */
  arrived(manifest: string): void {
    this.#artifacts.arrived(manifest);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #prepare(source: string, item: ModernImage | LegacyImage): Promise<Omit<PreparedImage, 'seconds'>> {
    if (item.kind === 'modern') return this.#layersOf({ source, image: item, names: item.names, chain: null });
    const chain = item.chain.map(({ id, json }) => ({ id, json, empty: false }));
    await using converted = await this.#converter.convert(source, item);
    return await this.#layersOf({ source, image: converted.image, names: item.names, chain });
  }

  async #layersOf(asked: ImageToCopy): Promise<Omit<PreparedImage, 'seconds'>> {
    const equality = await foreseeEquality(this.#terms, this.#copier, asked);
    const layers =
      this.#terms.dryRun === true
        ? await foreseen(this.#copier, asked.image)
        : await allDone(asked.image.layers.map((layer) => this.#copier.copy(layer)));
    return { asked, foreseen: equality, layers };
  }
}

async function profileOf({
  compression = 'keep',
  level,
  reproducible,
}: CopyTerms): Promise<CompressionProfile | 'keep'> {
  if (compression === 'keep') return 'keep';
  return withLibrary(profileFor({ compression, level, ...(reproducible === undefined ? {} : { reproducible }) }));
}
