import { createHash } from 'node:crypto';
import type { EngineError } from '../errors/engine-error.ts';
import { engineError } from '../errors/kinds.ts';

/** `sha256:` or `sha512:` and the lower-case hex of the hash; only a checked string has this type. */
export type Digest = `${'sha256' | 'sha512'}:${string}`;

const SHAPES = { sha256: /^[a-f0-9]{64}$/, sha512: /^[a-f0-9]{128}$/ } as const;

export function isDigest(text: string): text is Digest {
  const colon = text.indexOf(':');
  const algorithm = text.slice(0, colon);
  return (algorithm === 'sha256' || algorithm === 'sha512') && SHAPES[algorithm].test(text.slice(colon + 1));
}

/** Checks a digest before anything uses it, paths above all (OCI image spec, descriptor.md). Throws INVALID_DIGEST. */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw engineError('INVALID_DIGEST', `not a sha256 or sha512 digest: ${JSON.stringify(text.slice(0, 200))}`, {
    digest: text.slice(0, 200),
  });
}

export function digestAlgorithm(digest: Digest): 'sha256' | 'sha512' {
  return digest.startsWith('sha256:') ? 'sha256' : 'sha512';
}

/** The hex after the colon. */
export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1);
}

export function sha256Digest(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

/** The error of a blob whose bytes are not what its digest says. */
export function digestMismatch(expected: Digest, actual: Digest): EngineError {
  const message = `the bytes of blob ${expected} have digest ${actual}; fetch or save it again`;
  return engineError('DIGEST_MISMATCH', message, { what: 'blob', expected, actual });
}

/** The ChainID of a layer on top of `parent` (null for the base), as the OCI image spec defines it in config.md. */
export function chainId(parent: Digest | null, diffId: Digest): Digest {
  return parent === null ? diffId : sha256Digest(`${parent} ${diffId}`);
}

/** The ChainIDs of a whole image, base first. */
export function chainIds(diffIds: readonly Digest[]): Digest[] {
  const chain: Digest[] = [];
  for (const diffId of diffIds) chain.push(chainId(chain.at(-1) ?? null, diffId));
  return chain;
}
