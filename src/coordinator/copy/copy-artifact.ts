import type { Digest } from '../../identity/digest.ts';
import type { SourceArtifact } from '../../image/image-source.ts';
import { isIndexType } from '../../image/media-types.ts';
import type { PendingBlob } from '../../image/pending-blob.ts';
import { subjectOf } from '../../image/subject-tag.ts';
import type { BlobRef } from '../../streams/blob-ref.ts';
import { bringAttachments } from '../attachments.ts';
import type { JobRun } from '../job-context.ts';
import type { CopiedArtifact, CopyTerms } from '../jobs/copy.ts';
import type { LayerCopier } from './layer-copier.ts';

/** Brings what refers to images, where those have come with the manifest that it refers to. */
export class ArtifactCopier {
  readonly copied: CopiedArtifact[] = [];
  readonly #terms: CopyTerms;
  readonly #run: JobRun;
  readonly #copier: LayerCopier;
  /** Manifests that are in the destination as they were. */
  readonly #arrived = new Set<Digest>();
  /** Manifests of which it was said that what refers to them stays behind. */
  readonly #behind = new Set<Digest | null>();
  #isToldOf = false;

  constructor(terms: CopyTerms, run: JobRun, copier: LayerCopier) {
    [this.#terms, this.#run, this.#copier] = [terms, run, copier];
  }

  arrived(manifest: string): void {
    this.#arrived.add(manifest as Digest);
  }

  /** False when it has no place here, or what it is about is not here as it was. */
  async put(artifact: SourceArtifact, order?: number): Promise<boolean> {
    const { sink, dryRun } = this.#terms;
    if (sink.putArtifact === undefined) return this.#tellNoPlace();
    const about = subjectOf(artifact);
    // In a dry run nobody knows yet what an index will be.
    if (dryRun === true) return true;
    if (about === null || !this.#arrived.has(about)) return this.#leaveBehind(artifact, about);
    await this.#bringParts(artifact);
    const { kind: _kind, ref, blobs: _blobs, ...manifest } = artifact;
    await sink.putArtifact({ ...manifest, order });
    const { digest, artifactType } = artifact;
    this.#arrived.add(digest);
    this.copied.push({ ref, digest, subject: about, artifactType });
    return true;
  }

  async #bringParts({ raw, mediaType, blobs }: SourceArtifact): Promise<void> {
    const copy = (blob: BlobRef | PendingBlob): Promise<unknown> => this.#copier.copyBlob(blob);
    const read = (blob: BlobRef | PendingBlob): Promise<Buffer> => this.#copier.readBlob(blob);
    if (!isIndexType(mediaType)) for (const blob of blobs) await copy(blob);
    else
      await bringAttachments(this.#terms.sink, { raw, mediaType, blobs, digestOf: (blob) => blob.digest!, copy, read });
  }

  #tellNoPlace(): boolean {
    const { transport, location } = this.#terms.sink;
    if (!this.#isToldOf)
      this.#run.warn(`signatures and the like were left out: ${transport} has no place for them (${location})`);
    this.#isToldOf = true;
    return false;
  }

  /** Once for each manifest, and not for what refers to something that stays behind itself. */
  #leaveBehind({ digest, ref }: SourceArtifact, about: Digest | null): boolean {
    if (!this.#behind.has(about))
      this.#run.warn(`${ref} stays behind: it refers to the manifest ${about}, which was not copied as it was`);
    this.#behind.add(about).add(digest);
    return false;
  }
}
