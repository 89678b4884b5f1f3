/** An unsigned number as Go's encoding/binary.PutUvarint writes it: seven bits a byte, lowest first. */
export function decodeUvarint(bytes: Buffer): number | null {
  const bits = bitsOf(bytes);
  return bits === null || bits > Number.MAX_SAFE_INTEGER ? null : Number(bits);
}

/** As `decodeUvarint` for PutVarint, which has the sign in the lowest bit. */
export function decodeVarint(bytes: Buffer): number | null {
  const bits = bitsOf(bytes);
  if (bits === null) return null;
  const value = (bits & 1n) === 0n ? bits >> 1n : -(bits >> 1n) - 1n;
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : null;
}

/** Null when the bytes are not one such number. */
function bitsOf(bytes: Buffer): bigint | null {
  if (bytes.length === 0 || bytes.length > 10) return null;
  let bits = 0n;
  for (const [index, byte] of bytes.entries()) {
    if (byte < 0x80 !== (index === bytes.length - 1)) return null;
    bits |= BigInt(byte & 0x7f) << BigInt(7 * index);
  }
  return bits;
}
