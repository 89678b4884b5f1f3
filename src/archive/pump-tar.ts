import { createHash, type Hash } from 'node:crypto';
import type { ByteSink, Compression, Decoder } from '../compression/codec.ts';
import { decoderFor } from '../compression/codecs.ts';
import { detectCompression, DETECT_BYTES } from '../compression/detect.ts';
import { engineError } from '../errors/kinds.ts';
import { type Digest, digestAlgorithm } from '../identity/digest.ts';
import type { BlobRef } from '../streams/blob-ref.ts';
import { readBlob } from '../streams/read-blob.ts';
import type { System } from '../system/system.ts';
import { writeTreeChanges, writeDirectory, writeLayerChanges } from './changeset.ts';
import { expansionLimits, type LayerLimits } from './limits.ts';
import { openRebuilder } from './rebuild.ts';
import type { TarSource } from './tar-source.ts';

export interface PumpOptions {
  limits: LayerLimits;
  /** Called with the number of bytes read each time some were; throws to stop. */
  tick(bytes: number): void;
  /** Gets the stored bytes of a blob as they are read. */
  stored?: ByteSink | undefined;
  warn(code: string, message: string, entry?: string): void;
}

/** What the stored bytes turned out to be; `blob` is null for a tar that is not stored anywhere. */
export interface Pumped {
  compression: Compression;
  blob: { digest: Digest; size: number } | null;
}

const EMPTY_TAR: Buffer = Buffer.alloc(1024);

/**
 * Gives the tar of a layer to `sink`, from wherever it comes, to the real end of the stream. A blob's size and digest
 * are checked at the end, after `sink` has had everything: nothing may be committed before this returns.
 */
export function pumpTar(system: System, source: TarSource, sink: ByteSink, options: PumpOptions): Pumped {
  switch (source.from) {
    case 'blob':
      return pumpBlob(source.blob, sink, options);
    case 'record': {
      const rebuilder = openRebuilder(system, source);
      try {
        rebuilder.write(0, rebuilder.tarSize, ticking(sink, options));
      } finally {
        rebuilder.close();
      }
      break;
    }
    case 'changes':
      writeLayerChanges(system, source.mount, ticking(sink, options), options);
      break;
    case 'tree':
      writeTreeChanges(system, source.dir, source.parent, ticking(sink, options), options);
      break;
    case 'directory':
      writeDirectory(system, source.dir, ticking(sink, options), options);
      break;
    case 'empty':
      sink(EMPTY_TAR);
  }
  return { compression: 'none', blob: null };
}

function ticking(sink: ByteSink, options: PumpOptions): ByteSink {
  return (chunk) => {
    options.tick(chunk.length);
    sink(chunk);
  };
}

function pumpBlob(blob: BlobRef, sink: ByteSink, options: PumpOptions): Pumped {
  const hash = createHash('sha256');
  // A promised digest may be of another algorithm; ours, the name in the store, is always sha256.
  const promised = promisedHash(blob.digest);
  const unpack = sniffing(sink, options.limits);
  let size = 0;
  readBlob(blob, (chunk) => {
    options.tick(chunk.length);
    hash.update(chunk);
    promised?.update(chunk);
    options.stored?.(chunk);
    size += chunk.length;
    unpack.write(chunk);
  });
  unpack.end();
  const digest: Digest = `sha256:${hash.digest('hex')}`;
  if (blob.digest !== undefined)
    checkDigest(blob.digest, promised === null ? digest : `sha512:${promised.digest('hex')}`);
  return { compression: unpack.compression(), blob: { digest, size } };
}

function promisedHash(digest: Digest | undefined): Hash | null {
  return digest !== undefined && digestAlgorithm(digest) === 'sha512' ? createHash('sha512') : null;
}

function checkDigest(expected: Digest, actual: Digest): void {
  if (expected === actual) return;
  throw engineError('DIGEST_MISMATCH', `the bytes of blob ${expected} have digest ${actual}; fetch or save it again`, {
    what: 'blob',
    expected,
    actual,
  });
}

/** Unpacks by what the first bytes say, whatever a name or media type claimed; gathers them when they come one by one. */
function sniffing(sink: ByteSink, limits: LayerLimits): Decoder & { compression(): Compression } {
  let head: Buffer = Buffer.alloc(0);
  let compression: Compression = 'none';
  let decoder: Decoder | null = null;
  const start = (): Decoder => {
    compression = detectCompression(head);
    const started = decoderFor(compression, sink, expansionLimits(limits));
    decoder = started;
    return started;
  };
  return {
    write(chunk): void {
      if (decoder !== null) {
        decoder.write(chunk);
        return;
      }
      if (head.length === 0 && chunk.length >= DETECT_BYTES) {
        head = chunk;
        start().write(chunk);
        return;
      }
      head = Buffer.concat([head, chunk]);
      if (head.length >= DETECT_BYTES) start().write(head);
    },
    end(): void {
      if (decoder === null) {
        const started = start();
        if (head.length > 0) started.write(head);
        started.end();
      } else {
        decoder.end();
      }
    },
    compression: () => compression,
  };
}
