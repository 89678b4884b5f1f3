const MAGIC = 0xfd2fb528;

/** Magic, descriptor, window, dictionary id and content size at their longest (RFC 8878, 3.1.1). */
export const FRAME_HEADER_BYTES = 18;

/**
 * The window in bytes that the frame beginning with `head` asks its reader to keep; 0 when it does not say, because
 * `head` is too short or no such header. Large sizes are approximate: they are only compared.
 */
export function windowOf(head: Buffer): number {
  if (head.length < 6 || head.readUInt32LE(0) !== MAGIC) return 0;
  const descriptor = head.readUInt8(4);
  const singleSegment = (descriptor & 0x20) !== 0;
  return singleSegment ? contentSize(head, descriptor) : windowSize(head.readUInt8(5));
}

/** An exponent and eighths of it. */
function windowSize(byte: number): number {
  const base = 2 ** (10 + (byte >>> 3));
  return base + (base / 8) * (byte & 7);
}

/** A single segment has no window of its own: it is as large as its content. */
function contentSize(head: Buffer, descriptor: number): number {
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const at = 5 + dictionaryBytes;
  const bytes = [1, 2, 4, 8][descriptor >>> 6] ?? 1;
  if (head.length < at + bytes) return 0;
  if (bytes === 8) return head.readUInt32LE(at) + head.readUInt32LE(at + 4) * 2 ** 32;
  return head.readUIntLE(at, bytes);
}
