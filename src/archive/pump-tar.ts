import type { ByteSink, Compression, Decoder } from '../compression/codec.ts';
import { decoderFor } from '../compression/codecs.ts';
import { detectCompression, DETECT_BYTES } from '../compression/detect.ts';
import type { BlobRef } from '../streams/blob-ref.ts';
import { type FileState, readBlob } from '../streams/read-blob.ts';
import type { System } from '../system/system.ts';
import { writeSplitTar } from './assemble-split.ts';
import { writeDirectory, writeLayerChanges, writeMountChanges } from './changeset.ts';
import { wholeTree } from './layer-mount.ts';
import { expansionLimits, type LayerLimits } from './limits.ts';
import { openRebuilder } from './rebuild.ts';
import type { TarSource } from './tar-source.ts';

export interface PumpOptions {
  limits: LayerLimits;
  /** Called with the number of bytes read each time some were; throws to stop. */
  tick(bytes: number): void;
  /** Gets the bytes of a packed blob as they are read; those of a plain tar are what `sink` gets. */
  packed?: ByteSink | undefined;
  /** Answers what is to be called instead of `unpack`, which it calls: so its time can be taken. */
  unpacking(unpack: ByteSink): ByteSink;
  warn(code: string, message: string, entry?: string): void;
}

/** What the stored bytes turned out to be; `state` is null for a tar that is not stored anywhere. */
export interface Pumped {
  compression: Compression;
  state: FileState | null;
}

const EMPTY_TAR: Buffer = Buffer.alloc(1024);

/**
 * Gives the tar of a layer to `sink`, from wherever it comes, to the real end of the stream. A blob's size is checked,
 * its digest is the caller's affair: nothing may be committed before it was looked at.
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
    case 'tar-split':
      writeSplitTar(system, source, options.limits, ticking(sink, options));
      break;
    case 'changes':
      writeLayerChanges(system, source.mount, ticking(sink, options), options);
      break;
    case 'tree':
      writeMountChanges(system, wholeTree(source.dir), source.parent, ticking(sink, options), options);
      break;
    case 'mounts':
      writeMountChanges(system, source.mount, source.parent, ticking(sink, options), options);
      break;
    case 'directory':
      writeDirectory(system, source.dir, ticking(sink, options), options);
      break;
    case 'empty':
      sink(EMPTY_TAR);
  }
  return { compression: 'none', state: null };
}

function ticking(sink: ByteSink, options: PumpOptions): ByteSink {
  return (chunk) => {
    options.tick(chunk.length);
    sink(chunk);
  };
}

function pumpBlob(blob: BlobRef, sink: ByteSink, options: PumpOptions): Pumped {
  const unpack = sniffing(sink, options);
  const state = readBlob(blob, (chunk) => {
    options.tick(chunk.length);
    unpack.write(chunk);
  });
  unpack.end();
  return { compression: unpack.compression(), state };
}

/** Unpacks by what the first bytes say, whatever a name or media type claimed; gathers them when they come one by one. */
function sniffing(sink: ByteSink, options: PumpOptions): Decoder & { compression(): Compression } {
  const { limits, packed } = options;
  let head: Buffer = Buffer.alloc(0);
  let compression: Compression = 'none';
  let decoder: Decoder | null = null;
  const start = (): Decoder => {
    compression = detectCompression(head);
    const started = decoderFor(compression, sink, expansionLimits(limits));
    if (compression === 'none') return (decoder = started);
    const write = options.unpacking((chunk) => started.write(chunk));
    const unpacker = { write, end: () => started.end() };
    decoder = packed === undefined ? unpacker : teed(unpacker, packed);
    return decoder;
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

function teed(decoder: Decoder, packed: ByteSink): Decoder {
  return {
    write(chunk): void {
      packed(chunk);
      decoder.write(chunk);
    },
    end: () => decoder.end(),
  };
}
