import { createHash } from 'node:crypto';
import { engineError } from '../../errors/kinds.ts';
import { type Digest, digestAlgorithm } from '../../identity/digest.ts';

/**
 * What a manifest of schema 1 was before it was signed, which is what its digest is of: `protected` of the first signature
 * says how long it was and how it ended (Docker registry v2, schema 1, "Signed Manifests"). Null for what is not signed so,
 * and for a document that says more than what was signed: its digest would vouch for bytes that it is not of.
 */
export function signedPayload(raw: Buffer): Buffer | null {
  try {
    const document = JSON.parse(raw.toString()) as { schemaVersion?: unknown; signatures?: { protected?: unknown }[] };
    const { signatures, ...signed } = document;
    const first = signatures?.[0]?.protected;
    if (typeof first !== 'string' || signed.schemaVersion !== 1) return null;
    const { formatLength, formatTail } = JSON.parse(Buffer.from(first, 'base64url').toString()) as {
      formatLength?: unknown;
      formatTail?: unknown;
    };
    if (typeof formatLength !== 'number' || typeof formatTail !== 'string') return null;
    if (!Number.isSafeInteger(formatLength) || formatLength < 0 || formatLength > raw.length) return null;
    const payload = Buffer.concat([raw.subarray(0, formatLength), Buffer.from(formatTail, 'base64url')]);
    return JSON.stringify(JSON.parse(payload.toString())) === JSON.stringify(signed) ? payload : null;
  } catch {
    return null;
  }
}

/**
 * The digest of a manifest that was fetched. What was asked for, or else what the registry says, must be the digest of the
 * bytes, or of the payload of a signed one. Throws DIGEST_MISMATCH.
 */
export function manifestDigest(raw: Buffer, asked: Digest | null, said: Digest | null, what: string): Digest {
  const expected = asked ?? said;
  const payload = signedPayload(raw);
  if (expected === null) return hashOf(payload ?? raw, 'sha256');
  const algorithm = digestAlgorithm(expected);
  const actual = hashOf(raw, algorithm);
  const matches = expected === actual || (payload !== null && expected === hashOf(payload, algorithm));
  // A header that says something else about the right bytes lies all the same.
  if (matches && (said === null || digestAlgorithm(said) !== algorithm || said === expected)) return expected;
  const wrong = matches ? said! : expected;
  throw engineError('DIGEST_MISMATCH', `${what} has digest ${actual}, not ${wrong} as it should; fetch it elsewhere`, {
    what,
    expected: wrong,
    actual,
  });
}

function hashOf(bytes: Buffer, algorithm: 'sha256' | 'sha512'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}
