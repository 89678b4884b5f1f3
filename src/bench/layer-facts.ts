import { createHash } from 'node:crypto';
import { DEFAULT_LIMITS, expansionLimits } from '../archive/limits.ts';
import { createTarReader } from '../archive/tar-reader.ts';
import type { Compression } from '../compression/codec.ts';
import { decoderFor } from '../compression/codecs.ts';
import type { Digest } from '../identity/digest.ts';
import { readBlob } from '../streams/read-blob.ts';

/** What is in a layer's tar, read in this thread. */
export function countTar(path: string): { bytes: number; entries: number } {
  let bytes = 0;
  let entries = 0;
  const nothing = (): void => {};
  const visitor = { entry: () => void entries++, raw: nothing, body: nothing, endEntry: nothing };
  const reader = createTarReader(visitor, DEFAULT_LIMITS);
  readBlob({ path }, (chunk) => {
    bytes += chunk.length;
    reader.write(chunk);
  });
  reader.end();
  return { bytes, entries };
}

/** The digest of what a file unpacks to: what two packers must agree on. */
export function unpackedDigest(path: string, compression: Compression): Digest {
  const hash = createHash('sha256');
  const decoder = decoderFor(compression, (chunk) => void hash.update(chunk), expansionLimits(DEFAULT_LIMITS));
  readBlob({ path }, (chunk) => decoder.write(chunk));
  decoder.end();
  return `sha256:${hash.digest('hex')}`;
}
