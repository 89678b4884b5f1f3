import type { Descriptor } from '../image/manifest.ts';
import type { PendingBlob } from '../image/pending-blob.ts';
import type { BlobRef } from '../streams/blob-ref.ts';

/** Where what descriptors refer to is found: a layout, or a repository of a registry. */
export interface ImageContent {
  /** How messages call it: `the layout`. */
  readonly called: string;
  /** Reads a manifest, an index or a config whole, checked against its descriptor; null when it is missing. */
  document(descriptor: Descriptor, what: string): Promise<Buffer | null>;
  /** A blob by its digest, or bytes that are yet to be fetched; null when it is missing. Nothing is read. */
  blob(descriptor: Descriptor): Promise<FoundBlob | null>;
}

/** `length` is what a blob that is here really has. */
export type FoundBlob = (BlobRef & { length: number }) | PendingBlob;

/** What is to be read: something that a descriptor refers to, and what it is called. */
export interface NamedDescriptor {
  descriptor: Descriptor;
  /** For messages and results. */
  ref: string;
  names: string[];
}
