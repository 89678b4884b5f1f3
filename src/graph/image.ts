import type { V1Image } from '../image/v1-compat.ts';
import type { Compression } from '../compression/codec.ts';
import type { Digest } from '../identity/digest.ts';

/** An image of the graph: one layer and its JSON. `size` is what `layersize` says: bytes that the layer adds. */
export type Image = V1Image;

/** A blob that came with an image and is kept in `blobs/`. */
export interface KeptBlob {
  digest: Digest;
  size: number;
  compression: Compression;
  /** As the manifest called it; null where there was no manifest. */
  mediaType: string | null;
}

/** What Docker does not know of an image: `graph/<id>/layer.json`. */
export interface LayerInfo {
  format: 1;
  /** Of the tar that we hashed; null for a head, which has no layer of its own. */
  diffId: Digest | null;
  /** Bytes of that tar. */
  tarSize: number;
  entries: number;
  /** The states of the tar's SHA-256 after 1, 2, … whole parts (PART_BYTES), 32 bytes each, in base64. */
  midstates?: string;
  /** The packed bytes that the layer first came in, when they are kept. */
  blob?: KeptBlob;
  /** Of a head: the blob of each of its layers, base first; null for layers that came unpacked or were dropped. */
  blobs?: (KeptBlob | null)[];
  /** Of a head: the media type and digest of the manifest that is kept in `graph/<id>/manifest`. */
  manifest?: { mediaType: string; digest: Digest };
}

/** One real layer of an image. */
export interface ImageLayer {
  id: string;
  diffId: Digest;
  size: number;
}
