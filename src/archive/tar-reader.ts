import { assembleEntry } from './assemble-entry.ts';
import type { LayerLimits } from './limits.ts';
import { MetaHeaders } from './meta-headers.ts';
import { Piece } from './piece.ts';
import type { SparseMapReader } from './sparse-map.ts';
import { readSparse } from './sparse.ts';
import { tarInvalid, tarOverLimit, tarTruncated } from './tar-error.ts';
import type { TarEntry, TarVisitor } from './tar-entry.ts';
import { BLOCK_BYTES, checksumAgrees, type HeaderNumbers, readHeader, sumBlock } from './tar-header.ts';

/** Takes the bytes of one tar in order, in chunks of any size. */
export interface TarReader {
  /** Tells the visitor everything that the chunk completes before it returns. */
  write(chunk: Buffer): void;
  /** Must be called at the end of the stream. */
  end(): void;
}

/**
 * Reads a tar as Go's archive/tar does, for that is the reader behind every DiffID: ustar, pax, GNU, star and v7
 * headers, sparse files, and whatever follows the two zero blocks as raw bytes. A stream of no bytes is an empty layer.
 * Throws TAR_INVALID, TAR_TRUNCATED, ENTRY_TYPE_INVALID or LIMIT_EXCEEDED, and must not be used after that.
 */
export function createTarReader(visitor: TarVisitor, limits: LayerLimits): TarReader {
  return new BlockReader(visitor, limits);
}

/** What the next bytes are; the first four kinds are collected in a piece. */
type Step = 'header' | 'second-zero' | 'meta' | 'sparse-map' | 'body' | 'padding' | 'tail';

const NO_BYTES: Buffer = Buffer.alloc(0);

class BlockReader implements TarReader {
  readonly #visitor: TarVisitor;
  readonly #limits: LayerLimits;
  readonly #meta = new MetaHeaders();
  readonly #piece = new Piece(BLOCK_BYTES);
  #step: Step = 'header';
  /** Bytes of the body or of the padding still to come. */
  #left = 0;
  #entries = 0;
  /** The entry whose body comes. */
  #entry: TarEntry | null = null;
  #metaFlag = 0;
  #metaOffset = 0;
  #sparse: SparseMapReader | null = null;
  #mapBlocks: Buffer[] = [];

  #chunk: Buffer = NO_BYTES;
  #at = 0;
  /** Where the chunk starts in the stream. */
  #chunkOffset = 0;
  /** Where the chunk's raw bytes start that the visitor has not seen; -1 inside a body. */
  #rawFrom = 0;

  constructor(visitor: TarVisitor, limits: LayerLimits) {
    this.#visitor = visitor;
    this.#limits = limits;
  }

  write(chunk: Buffer): void {
    this.#chunk = chunk;
    this.#at = 0;
    if (this.#rawFrom >= 0) this.#rawFrom = 0;
    while (this.#at < chunk.length) this.#advance();
    this.#giveRaw();
    this.#chunkOffset += chunk.length;
    this.#chunk = NO_BYTES;
    this.#at = 0;
  }

  end(): void {
    const offset = this.#chunkOffset;
    switch (this.#step) {
      case 'padding':
      case 'tail':
        return;
      case 'body':
        throw tarTruncated('the body', offset, this.#entry?.name);
      case 'sparse-map':
        throw tarTruncated('the map of a sparse file', offset, this.#sparse?.entry.name);
      case 'meta':
        throw tarTruncated('an extension header', offset);
      default:
        if (!this.#piece.empty) throw tarTruncated('a header', offset);
    }
  }

  #advance(): void {
    switch (this.#step) {
      case 'body':
        return this.#takeBody();
      case 'padding':
        return this.#takePadding();
      case 'tail':
        this.#at = this.#chunk.length;
        return;
      default:
        this.#at = this.#piece.take(this.#chunk, this.#at);
        if (this.#piece.complete) this.#takePiece(this.#piece.bytes, this.#piece.start, this.#piece.end);
    }
  }

  #takePiece(bytes: Buffer, start: number, end: number): void {
    const offset = this.#chunkOffset + this.#at - (end - start);
    switch (this.#step) {
      case 'header':
        return this.#takeHeader(bytes, start, offset);
      case 'second-zero':
        if (sumBlock(bytes, start) !== 0) throw tarInvalid('a header follows a single zero block', offset);
        this.#step = 'tail';
        return;
      case 'meta':
        return this.#takeMeta(bytes, start, end);
      case 'sparse-map':
        return this.#takeMapBlock(bytes, start, end);
      case 'body':
      case 'padding':
      case 'tail':
        // These take their bytes as they come, never as a piece.
        return;
    }
  }

  #expect(step: Step, length: number): void {
    this.#step = step;
    this.#piece.expect(length);
  }

  #takeHeader(block: Buffer, at: number, offset: number): void {
    const sum = sumBlock(block, at);
    if (sum === 0) return this.#expect('second-zero', BLOCK_BYTES);
    if (!checksumAgrees(block, at, sum)) throw tarInvalid('the checksum of the header is wrong', offset);
    const numbers = readHeader(block, at, offset);
    if (MetaHeaders.isMeta(numbers.flag)) this.#startMeta(numbers, offset);
    else this.#startEntry(block, at, numbers, offset);
  }

  #startMeta({ flag, size }: HeaderNumbers, offset: number): void {
    if (size < 0) throw tarInvalid('the size of an extension header is negative', offset);
    if (size > this.#limits.metaBytes) throw tarOverLimit('metaBytes', this.#limits.metaBytes, 'extension header');
    this.#metaFlag = flag;
    this.#metaOffset = offset;
    if (size === 0) this.#takeMeta(NO_BYTES, 0, 0);
    else this.#expect('meta', size);
  }

  #takeMeta(bytes: Buffer, start: number, end: number): void {
    this.#meta.add(this.#metaFlag, bytes, start, end, this.#metaOffset);
    this.#pad(end - start);
  }

  #startEntry(block: Buffer, at: number, numbers: HeaderNumbers, offset: number): void {
    const entry = assembleEntry(block, at, numbers, this.#meta, this.#limits, offset);
    this.#entries += 1;
    if (this.#entries > this.#limits.entries)
      throw tarOverLimit('entries', this.#limits.entries, 'entries', entry.name);
    const records = this.#meta.pax?.sparse ?? null;
    this.#sparse = readSparse(entry, block, at, numbers, records, this.#limits, offset);
    this.#meta.clear();
    if (this.#sparse === null) return this.#openBody(entry);
    if (this.#sparse.inBody) this.#leaveRaw();
    this.#expect('sparse-map', BLOCK_BYTES);
  }

  #takeMapBlock(bytes: Buffer, start: number, end: number): void {
    const sparse = this.#sparse!;
    if (sparse.inBody) this.#mapBlocks.push(Buffer.from(bytes.subarray(start, end)));
    if (!sparse.add(bytes, start)) return this.#expect('sparse-map', BLOCK_BYTES);
    this.#sparse = null;
    this.#openBody(sparse.entry);
  }

  #openBody(entry: TarEntry): void {
    this.#leaveRaw();
    const blocks = this.#mapBlocks.splice(0);
    entry.bodyOffset = this.#chunkOffset + this.#at - blocks.length * BLOCK_BYTES;
    this.#visitor.entry(entry);
    for (const block of blocks) this.#visitor.body(block, 0, block.length);
    this.#entry = entry;
    this.#left = entry.size - blocks.length * BLOCK_BYTES;
    this.#step = 'body';
    if (this.#left === 0) this.#closeBody(entry);
  }

  #takeBody(): void {
    const end = Math.min(this.#chunk.length, this.#at + this.#left);
    this.#visitor.body(this.#chunk, this.#at, end);
    this.#left -= end - this.#at;
    this.#at = end;
    if (this.#left === 0) this.#closeBody(this.#entry!);
  }

  #closeBody(entry: TarEntry): void {
    this.#visitor.endEntry(entry);
    this.#rawFrom = this.#at;
    this.#pad(entry.size);
  }

  #pad(size: number): void {
    this.#left = -size & (BLOCK_BYTES - 1);
    if (this.#left === 0) this.#expect('header', BLOCK_BYTES);
    else this.#step = 'padding';
  }

  #takePadding(): void {
    const end = Math.min(this.#chunk.length, this.#at + this.#left);
    this.#left -= end - this.#at;
    this.#at = end;
    if (this.#left === 0) this.#expect('header', BLOCK_BYTES);
  }

  #giveRaw(): void {
    if (this.#rawFrom >= 0 && this.#rawFrom < this.#at) this.#visitor.raw(this.#chunk, this.#rawFrom, this.#at);
  }

  #leaveRaw(): void {
    this.#giveRaw();
    this.#rawFrom = -1;
  }
}
