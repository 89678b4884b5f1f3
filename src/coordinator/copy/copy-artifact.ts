import type { Digest } from '../../identity/digest.ts';
import type { SourceArtifact } from '../../image/image-source.ts';
import { subjectOf } from '../../image/subject-tag.ts';
import type { JobRun } from '../job-context.ts';
import type { CopiedArtifact, CopyJob } from '../jobs/copy.ts';
import type { LayerCopier } from './layer-copier.ts';

/** Brings what refers to images, where those have come with the manifest that it refers to. */
export class ArtifactCopier {
  readonly copied: CopiedArtifact[] = [];
  readonly #job: CopyJob;
  readonly #run: JobRun;
  readonly #copier: LayerCopier;
  /** Manifests that are in the destination as they were. */
  readonly #arrived = new Set<Digest>();
  /** Manifests of which it was said that what refers to them stays behind. */
  readonly #behind = new Set<Digest | null>();
  #isToldOf = false;

  constructor(job: CopyJob, run: JobRun, copier: LayerCopier) {
    [this.#job, this.#run, this.#copier] = [job, run, copier];
  }

  arrived(manifest: string): void {
    this.#arrived.add(manifest as Digest);
  }

  async put(artifact: SourceArtifact): Promise<void> {
    const { sink, dryRun } = this.#job;
    if (sink.putArtifact === undefined) return this.#tellNoPlace();
    const about = subjectOf(artifact);
    // In a dry run nobody knows yet what an index will be.
    if (dryRun === true) return;
    if (about === null || !this.#arrived.has(about)) return this.#leaveBehind(artifact, about);
    for (const blob of artifact.blobs) await this.#copier.copyBlob(blob);
    const { kind: _kind, ref, blobs: _blobs, ...manifest } = artifact;
    await sink.putArtifact(manifest);
    const { digest, artifactType } = artifact;
    this.#arrived.add(digest);
    this.copied.push({ ref, digest, subject: about, artifactType });
  }

  #tellNoPlace(): void {
    if (this.#isToldOf) return;
    this.#isToldOf = true;
    const { transport, location } = this.#job.sink;
    this.#run.warn(`signatures and the like were left out: ${transport} has no place for them (${location})`);
  }

  /** Once for each manifest, and not for what refers to something that stays behind itself. */
  #leaveBehind({ digest, ref }: SourceArtifact, about: Digest | null): void {
    if (!this.#behind.has(about))
      this.#run.warn(`${ref} stays behind: it refers to the manifest ${about}, which was not copied as it was`);
    this.#behind.add(about).add(digest);
  }
}
