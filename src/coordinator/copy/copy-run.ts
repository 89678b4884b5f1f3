import { asEngineError } from '../../errors/wire.ts';
import type { Digest } from '../../identity/digest.ts';
import type { Target } from '../../image/edit-manifest.ts';
import type { ImageSource, LegacyImage, ModernImage, SourceIndex, SourceItem } from '../../image/image-source.ts';
import { throwIfAborted } from '../../streams/abort.ts';
import { allDone } from '../../streams/all-done.ts';
import type { JobRun, JobTools } from '../job-context.ts';
import type { CopiedArtifact, CopiedImage, CopyJob, CopySource } from '../jobs/copy.ts';
import { foreseeEquality, type ImageToCopy, type PreparedImage, resultOf, sinkImage } from './copy-image.ts';
import { copiedIndex } from './copy-index.ts';
import { ArtifactCopier } from './copy-artifact.ts';
import { foreseen } from './dry-run.ts';
import type { LayerCopier } from './layer-copier.ts';
import type { LegacyConverter } from './legacy-image.ts';

/** One run of a copy: reads the sources, and puts what they hold in their order. */
export class CopyRun {
  readonly #tools: JobTools;
  readonly #job: CopyJob;
  readonly #run: JobRun;
  readonly #copier: LayerCopier;
  readonly #converter: LegacyConverter;
  readonly #artifacts: ArtifactCopier;
  readonly #results: CopiedImage[] = [];
  /** The end of everything that was asked for so far: what comes later is put later. */
  #puts: Promise<void> = Promise.resolve();

  constructor(tools: JobTools, job: CopyJob, run: JobRun, copier: LayerCopier, converter: LegacyConverter) {
    this.#tools = tools;
    this.#job = job;
    this.#run = run;
    this.#copier = copier;
    this.#converter = converter;
    this.#artifacts = new ArtifactCopier(job, run, copier);
  }

  /** What came with the images, when all have come. */
  get artifacts(): readonly CopiedArtifact[] {
    return this.#artifacts.copied;
  }

  async all(): Promise<CopiedImage[]> {
    const closing: Promise<void>[] = [];
    for (const source of this.#job.sources) {
      // What is under way ends first: nobody may remove its files before that.
      if (this.#run.signal.aborted) break;
      const { closed } = await this.#begin(source);
      closing.push(closed);
    }
    await Promise.all(closing);
    return this.#results;
  }

  /** Resolves when everything in the source is on its way, with the promise of the end of that. */
  async #begin(source: CopySource): Promise<{ closed: Promise<void> }> {
    let opened: ImageSource;
    try {
      opened = await source.open(this.#run.signal);
    } catch (error) {
      this.#failInTurn(source.location, null, error);
      return { closed: this.#puts };
    }
    const written = new Map<Digest, Target>();
    try {
      for await (const item of namedByIndex(opened.images(), this.#job)) {
        throwIfAborted(this.#run.signal);
        await this.#take(source.location, item, written);
      }
    } catch (error) {
      this.#failInTurn(source.location, null, error);
    }
    for (const warning of opened.warnings ?? []) this.#run.warn(`${source.location}: ${warning}`);
    return { closed: this.#puts.then(() => this.#close(source.location, opened)) };
  }

  /** What it gave has been taken, so that nothing is wrong with that. */
  async #close(location: string, source: ImageSource): Promise<void> {
    try {
      await source.close();
    } catch (error) {
      this.#run.warn(`${location} could not be closed: ${asEngineError(error).message}`);
    }
  }

  async #take(source: string, item: SourceItem, written: Map<Digest, Target>): Promise<void> {
    switch (item.kind) {
      case 'broken':
        this.#failInTurn(source, item.ref, item.error);
        break;
      case 'index':
        this.#inTurn(source, item.ref, () => this.#putIndex(item, written));
        break;
      case 'artifact':
        this.#inTurn(source, item.ref, () => this.#artifacts.put(item));
        break;
      default:
        await this.#takeImage(source, item, written);
    }
  }

  async #takeImage(source: string, item: ModernImage | LegacyImage, written: Map<Digest, Target>): Promise<void> {
    const release = await this.#tools.images.acquire(1, this.#run.signal);
    const preparing = this.#prepare(source, item).finally(release);
    // It is awaited in its turn; a failure before that must not end the process.
    preparing.catch(() => {});
    this.#inTurn(source, item.ref, async () => this.#put(await preparing, written));
  }

  async #prepare(source: string, item: ModernImage | LegacyImage): Promise<PreparedImage> {
    const started = performance.now();
    const seconds = (): number => Math.round(performance.now() - started) / 1000;
    if (item.kind === 'legacy') {
      const chain = item.chain.map(({ id, json }) => ({ id, json, empty: false }));
      await using converted = await this.#converter.convert(source, item);
      return {
        ...(await this.#layersOf({ source, image: converted.image, names: item.names, chain })),
        seconds: seconds(),
      };
    }
    return { ...(await this.#layersOf({ source, image: item, names: item.names, chain: null })), seconds: seconds() };
  }

  async #layersOf(asked: ImageToCopy): Promise<Omit<PreparedImage, 'seconds'>> {
    const equality = await foreseeEquality(this.#job, this.#copier, asked);
    if (this.#job.dryRun === true)
      return { asked, foreseen: equality, layers: await foreseen(this.#copier, asked.image) };
    const layers = await allDone(asked.image.layers.map((layer) => this.#copier.copy(layer)));
    return { asked, foreseen: equality, layers };
  }

  async #put(prepared: PreparedImage, written: Map<Digest, Target>): Promise<void> {
    const { manifest } = prepared.asked.image;
    const made = sinkImage(this.#job, prepared);
    const dry = this.#job.dryRun === true;
    const same = prepared.foreseen === 'identical' ? (manifest?.digest ?? null) : null;
    const digest = dry ? same : (await this.#job.sink.putImage(made)).manifestDigest;
    if (manifest !== null && digest !== null) {
      if (manifest.digest === digest) this.#artifacts.arrived(digest);
      const document = made.manifest ?? manifest;
      written.set(manifest.digest, {
        digest: digest as Digest,
        size: document.raw.length,
        mediaType: document.mediaType,
      });
    }
    this.#results.push({ ...resultOf(this.#job, prepared, digest), error: null });
  }

  async #putIndex(item: SourceIndex, written: ReadonlyMap<Digest, Target>): Promise<void> {
    if (this.#job.dryRun === true) return;
    const { index, warnings } = await copiedIndex(this.#job, this.#copier, item, written);
    await this.#job.sink.putIndex({ ...index, additional: this.#job.additionalNames ?? [] });
    if (index.digest === item.digest) this.#artifacts.arrived(item.digest);
    for (const warning of warnings) this.#run.warn(warning);
  }

  #failInTurn(source: string, ref: string | null, error: unknown): void {
    this.#inTurn(source, ref, () => Promise.reject(asEngineError(error)));
  }

  #inTurn(source: string, ref: string | null, work: () => Promise<void>): void {
    this.#puts = this.#puts.then(work).catch((error: unknown) => this.#fail(source, ref, error));
  }

  #fail(source: string, ref: string | null, thrown: unknown): void {
    this.#results.push({ source, ref, error: asEngineError(thrown) });
  }
}

/**
 * With one platform wanted, an index stands for its one image: that gets the names, and the index is not copied. Images
 * come before their index, so those without names wait for it.
 */
async function* namedByIndex(items: AsyncIterable<SourceItem>, job: CopyJob): AsyncGenerator<SourceItem> {
  if (job.platforms?.length !== 1) {
    yield* items;
    return;
  }
  let waiting: ModernImage[] = [];
  for await (const item of items) {
    if (item.kind === 'modern' && item.names.length === 0 && item.manifest !== null) waiting.push(item);
    else if (item.kind === 'index' && waiting.some(({ manifest }) => isMember(item, manifest?.digest))) {
      for (const image of waiting) {
        const isIts = isMember(item, image.manifest?.digest);
        yield isIts ? { ...image, ref: item.ref, names: [...item.names], inIndex: undefined } : image;
      }
      waiting = [];
    } else {
      // What refers to images comes when all of them have come.
      if (item.kind === 'artifact') yield* waiting.splice(0);
      yield item;
    }
  }
  yield* waiting;
}

function isMember({ members }: SourceIndex, digest: Digest | undefined): boolean {
  return members.some((member) => member.digest === digest);
}
