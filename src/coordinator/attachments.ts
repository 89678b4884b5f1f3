import type { Digest } from '../identity/digest.ts';
import type { ImageSink } from '../image/image-sink.ts';
import { decodeIndex } from '../image/manifest.ts';

/** What is listed in an index beside images, or belongs to that, and how its bytes are had. */
export interface Attachments<Blob> {
  /** The raw index that they came with. */
  raw: Buffer;
  mediaType: string;
  blobs: readonly Blob[];
  digestOf(blob: Blob): Digest;
  /** Brings one as the blob that it is. */
  copy(blob: Blob): Promise<unknown>;
  /** All of one that is a manifest. */
  read(blob: Blob): Promise<Buffer>;
}

/** Brings manifests as such where that makes a difference, after what they are made of: registries take none before that. */
export async function bringAttachments<Blob>(sink: ImageSink, attachments: Attachments<Blob>): Promise<void> {
  const { raw, mediaType, blobs } = attachments;
  const types = new Map(decodeIndex(raw, mediaType).map((line) => [line.digest, line.mediaType]));
  const isManifest = (blob: Blob): boolean => sink.putManifest !== undefined && types.has(attachments.digestOf(blob));
  for (const blob of blobs) if (!isManifest(blob)) await attachments.copy(blob);
  for (const blob of blobs.filter(isManifest)) {
    const digest = attachments.digestOf(blob);
    await sink.putManifest?.({ raw: await attachments.read(blob), mediaType: types.get(digest)!, digest });
  }
}
