/**
 * CRC-64/ISO (ISO 3309: x^64 + x^4 + x^3 + x + 1, reflected, all ones before and after), as tar-split keeps it of every
 * file. The polynomial has so few terms that four bytes at a time are folded with shifts alone, without a table.
 */
export class Crc64 {
  #high = -1;
  #low = -1;

  /** Takes the bytes from `start` to `end`; fastest where they lie on a multiple of four in memory. */
  update(bytes: Buffer, start: number, end: number): void {
    const words = Math.min(end, start + (-(bytes.byteOffset + start) & 3));
    this.#bytewise(bytes, start, words);
    const count = (end - words) >>> 2;
    if (count > 0) this.#wordwise(new Int32Array(bytes.buffer, bytes.byteOffset + words, count));
    this.#bytewise(bytes, words + count * 4, end);
  }

  /** The two halves of the result, as unsigned numbers. */
  get high(): number {
    return ~this.#high >>> 0;
  }

  get low(): number {
    return ~this.#low >>> 0;
  }

  reset(): void {
    this.#high = -1;
    this.#low = -1;
  }

  #wordwise(words: Int32Array): void {
    let high = this.#high;
    let low = this.#low;
    for (let at = 0; at < words.length; at++) {
      const word = low ^ words[at]!;
      low = high ^ (word << 31) ^ (word << 29) ^ (word << 28);
      high = word ^ (word >>> 1) ^ (word >>> 3) ^ (word >>> 4);
    }
    this.#high = high;
    this.#low = low;
  }

  #bytewise(bytes: Buffer, start: number, end: number): void {
    for (let at = start; at < end; at++) {
      const byte = (this.#low ^ bytes[at]!) << 24;
      this.#low = (this.#low >>> 8) | (this.#high << 24);
      this.#high = (this.#high >>> 8) ^ byte ^ (byte >>> 1) ^ (byte >>> 3) ^ (byte >>> 4);
    }
  }
}
