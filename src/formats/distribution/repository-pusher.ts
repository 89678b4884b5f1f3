import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { engineError } from '../../errors/kinds.ts';
import type { Digest } from '../../identity/digest.ts';
import { type Document, targetOf } from '../../image/edit-manifest.ts';
import type { SinkArtifact, SinkImage, SinkIndex, WrittenImage } from '../../image/image-sink.ts';
import type { ManifestFormat } from '../../image/media-types.ts';
import type { Pour } from '../../image/pending-blob.ts';
import { allDone } from '../../streams/all-done.ts';
import type { BlobRef } from '../../streams/blob-ref.ts';
import { KeyedLock } from '../../streams/keyed-lock.ts';
import type { FormatContext } from '../context.ts';
import { manifestOf } from '../new-manifest.ts';
import { BlobHomes } from './blob-homes.ts';
import { listInFallback } from './fallback-index.ts';
import type { BlobToSend, Repository, UploadOptions } from './registry.ts';

/** Brings images to one repository: blobs and manifests at once, tags when everything is there. */
export class RepositoryPusher {
  readonly repository: Repository;
  readonly #context: FormatContext;
  readonly #format: ManifestFormat | undefined;
  /** Blobs that are there, or on their way. */
  readonly #blobs = new Map<Digest, Promise<void>>();
  /** Blobs and manifests that were not there before. */
  readonly #new = new Set<Digest>();
  readonly #homes: BlobHomes;
  readonly #lists = new KeyedLock();
  readonly #tags = new Map<string, Document>();
  /** Those of them that have not been given yet. */
  readonly #waiting = new Set<string>();

  constructor(repository: Repository, context: FormatContext, format: ManifestFormat | undefined) {
    this.repository = repository;
    this.#context = context;
    this.#format = format;
    this.#homes = context.homes ?? new BlobHomes();
  }

  /** Asks once; takes a blob over from `origin` when that is another repository of this registry. */
  async hasBlob(digest: Digest, size: number, origin?: string): Promise<boolean> {
    const known = this.#blobs.get(digest);
    if (known !== undefined) {
      // Who did not get it there has been told; others bring their own.
      const came = await known.then(
        () => true,
        () => false,
      );
      if (came) return true;
    }
    const { signal } = this.#context;
    const home = this.#homes.of(this.repository.host, digest);
    // What this run has sent to one repository is missing here too: one request in place of two.
    const mountsFirst = home?.isNew === true && !this.#homes.refuses(this.repository.host);
    const found =
      (mountsFirst && (await this.#mount(digest, home.repository))) ||
      (await this.repository.blobSize(digest, signal)) === size ||
      (!mountsFirst && (await this.#mount(digest, origin ?? home?.repository)));
    if (!found) return false;
    this.#blobs.set(digest, Promise.resolve());
    this.#homes.note(this.repository.host, digest, this.repository.name, false);
    return true;
  }

  async putBlob(digest: Digest, blob: BlobRef & { size: number }, move: boolean): Promise<void> {
    try {
      // What somebody else has hashed goes as it is; other bytes are hashed while they are sent.
      await this.#send({ ...blob, digest }, { verify: !move });
    } finally {
      if (move) await rm(blob.path, { force: true });
    }
  }

  /** Sends a blob while it comes. */
  pourBlob(blob: { digest: Digest; size: number; pour: Pour }, onProgress: (bytes: number) => void): Promise<void> {
    return this.#send(blob, { verify: true, onProgress });
  }

  /** Pushes the config and the manifest; `check` sees its digest before anything is sent. */
  async putImage(image: SinkImage, tags: readonly string[], check: (digest: Digest) => void): Promise<WrittenImage> {
    const manifest = manifestOf(image, this.#format);
    check(manifest.digest);
    this.#refuseTaken(tags, manifest.digest);
    await this.#putBytes(image.configDigest, image.config);
    const parts = [image.configDigest, ...image.layers.map(({ digest }) => digest)];
    // A manifest is never there without its blobs.
    await this.#putManifest(manifest, !parts.some((digest) => this.#new.has(digest)));
    this.#tag(tags, manifest);
    return { manifest: targetOf(manifest) };
  }

  async putIndex(index: SinkIndex, tags: readonly string[], check: (digest: Digest) => void): Promise<void> {
    check(index.digest);
    this.#refuseTaken(tags, index.digest);
    await this.putManifest(index);
    this.#tag(tags, index);
  }

  /** A manifest or index without a name. */
  putManifest(document: Document): Promise<void> {
    return this.#putManifest(document, true);
  }

  /** Pushes the manifest, and lists it where the registry does not do that itself. */
  async putArtifact(artifact: SinkArtifact): Promise<void> {
    const { raw, mediaType, digest, subject, tag } = artifact;
    const { signal } = this.#context;
    // Sent also when it is there: only the answer tells whether the registry lists it.
    const answer = await this.repository.putManifest(digest, raw, mediaType, signal);
    // One after the other: each reads the list, adds itself and writes it back.
    if (subject !== null && answer.subject === null)
      await this.#lists.run(subject, () => listInFallback(this.repository, artifact, subject, signal), signal);
    if (tag !== null) this.#tag([tag], artifact);
  }

  /** Gives the tags that do not lead where they should yet. */
  async commit(): Promise<void> {
    const waiting = [...this.#waiting];
    await allDone(waiting.map((tag) => this.#give(tag, this.#tags.get(tag)!)));
  }

  async #send(blob: BlobToSend, options: UploadOptions): Promise<void> {
    const { digest } = blob;
    const { signal } = this.#context;
    const sending = this.#blobs.get(digest) ?? this.repository.upload(blob, { ...options, signal });
    this.#blobs.set(digest, sending);
    try {
      await sending;
    } catch (error) {
      this.#blobs.delete(digest);
      throw error;
    }
    this.#new.add(digest);
    this.#homes.note(this.repository.host, digest, this.repository.name, true);
  }

  async #putManifest({ digest, raw, mediaType }: Document, mayBeThere: boolean): Promise<void> {
    const { signal } = this.#context;
    if (mayBeThere && (await this.repository.headManifest(digest, signal)) !== null) return;
    await this.repository.putManifest(digest, raw, mediaType, signal);
    this.#new.add(digest);
  }

  async #give(tag: string, { digest, raw, mediaType }: Document): Promise<void> {
    const { signal } = this.#context;
    // A tag cannot lead to what was not there yet.
    const now = this.#new.has(digest) ? null : await this.repository.headManifest(tag, signal);
    if (now?.digest !== digest) await this.repository.putManifest(tag, raw, mediaType, signal);
    this.#waiting.delete(tag);
  }

  /** One tag is one image's: of two in a run the later one would silently win. */
  #refuseTaken(tags: readonly string[], digest: Digest): void {
    const taken = tags.find((tag) => (this.#tags.get(tag)?.digest ?? digest) !== digest);
    if (taken === undefined) return;
    const { host, name } = this.repository;
    const message = `${host}/${name}:${taken} is another image of this run already; write docker://HOST/PATH/ and each keeps its own name`;
    throw engineError('INVALID_ARGUMENT', message, { argument: `docker://${host}/${name}:${taken}` });
  }

  #tag(tags: readonly string[], { raw, mediaType, digest }: Document): void {
    for (const tag of tags) {
      this.#tags.set(tag, { raw, mediaType, digest });
      this.#waiting.add(tag);
    }
  }

  async #mount(digest: Digest, origin: string | undefined): Promise<boolean> {
    const { host, name } = this.repository;
    if (origin === undefined || !origin.startsWith(`${host}/`)) return false;
    const from = origin.slice(host.length + 1);
    if (from === name) return false;
    const mounted = await this.repository.mount(digest, from, this.#context.signal);
    if (mounted) this.#new.add(digest);
    else this.#homes.noteRefusal(host);
    return mounted;
  }

  async #putBytes(digest: Digest, bytes: Buffer): Promise<void> {
    if (await this.hasBlob(digest, bytes.length)) return;
    const dir = await mkdtemp(join(this.#context.tempDir, 'layermill-push-'));
    try {
      const path = join(dir, 'config');
      await writeFile(path, bytes);
      await this.putBlob(digest, { path, size: bytes.length }, true);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  }
}
