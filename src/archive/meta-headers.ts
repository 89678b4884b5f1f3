import type { Bytes } from '../system/system.ts';
import { type PaxRecords, readPax } from './pax.ts';
import { tarOverLimit } from './tar-error.ts';
import { readString } from './tar-fields.ts';
import { FLAG } from './tar-header.ts';

/** Any writer needs three; a million of them without an entry is an attack. */
const HEADERS_IN_A_ROW = 100;

/** The extension headers read since the last entry; the next one takes them. */
export class MetaHeaders {
  pax: PaxRecords | null = null;
  /** Of GNU long-name headers; `''` is none. */
  longName: Bytes = '';
  longLink: Bytes = '';
  /** Where the first of them starts in the stream; -1 when there is none. */
  firstOffset = -1;
  #inARow = 0;

  static isMeta(flag: number): boolean {
    return flag === FLAG.pax || flag === FLAG.longName || flag === FLAG.longLink || flag === FLAG.paxGlobal;
  }

  /** The last header of each kind counts, and replaces what an earlier one said completely. */
  add(flag: number, bytes: Buffer, start: number, end: number, offset: number): void {
    this.#inARow += 1;
    if (this.#inARow > HEADERS_IN_A_ROW)
      throw tarOverLimit('headersInARow', HEADERS_IN_A_ROW, 'extension headers of one entry');
    switch (flag) {
      case FLAG.pax:
        this.pax = readPax(bytes, start, end, offset);
        break;
      case FLAG.longName:
        this.longName = readString(bytes, start, end - start);
        break;
      case FLAG.longLink:
        this.longLink = readString(bytes, start, end - start);
        break;
      default:
        // Readers disagree about what a global header changes. Go's, which made the world's DiffIDs, changes nothing.
        readPax(bytes, start, end, offset);
        return;
    }
    if (this.firstOffset < 0) this.firstOffset = offset;
  }

  clear(): void {
    this.pax = null;
    this.longName = '';
    this.longLink = '';
    this.firstOffset = -1;
    this.#inARow = 0;
  }
}
