/** The reflected polynomial of CRC-32 (ISO 3309), as gzip uses it. */
const POLYNOMIAL = 0xedb88320;

/**
 * The CRC-32 of two pieces together, from the CRC of each and the length of the second: the CRC of the first, moved
 * on over `lengthB` zero bytes, xor that of the second. Moving on multiplies by x^(8·lengthB) modulo the polynomial.
 */
export function crc32Combine(crcA: number, crcB: number, lengthB: number): number {
  return (multiply(powerOfX(lengthB * 8), crcA) ^ crcB) >>> 0;
}

/** a·b modulo the polynomial; the highest bit of a word is the coefficient of x^0. */
function multiply(a: number, b: number): number {
  let product = 0;
  let factor = b;
  for (let bit = 0x80000000; bit !== 0; bit >>>= 1) {
    if ((a & bit) !== 0) product ^= factor;
    factor = (factor & 1) === 0 ? factor >>> 1 : (factor >>> 1) ^ POLYNOMIAL;
  }
  return product >>> 0;
}

/** x^exponent modulo the polynomial, by squaring. */
function powerOfX(exponent: number): number {
  let result = 0x80000000;
  let square = 0x40000000;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = multiply(square, result);
    square = multiply(square, square);
  }
  return result;
}
