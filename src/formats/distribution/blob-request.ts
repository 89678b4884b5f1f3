import type { EngineError } from '../../errors/engine-error.ts';
import { engineError } from '../../errors/kinds.ts';
import type { Digest } from '../../identity/digest.ts';
import type { Endpoint } from './access-types.ts';
import type { Answer } from './exchange.ts';
import { MayPass } from './may-pass.ts';
import { pathOf, scopeOf } from './scopes.ts';
import type { Call } from './wire.ts';

/** A blob, and who is asked for it. */
export interface RemoteBlob {
  endpoint: Endpoint;
  digest: Digest;
  size: number;
}

/** The request for a blob, or for a range of it. */
export function blobRequest(
  { endpoint, digest }: RemoteBlob,
  headers: Record<string, string>,
  signal: AbortSignal | undefined,
): Call {
  return {
    endpoint,
    method: 'GET',
    to: pathOf(endpoint.name, 'blobs', digest),
    what: `blob ${digest} of ${endpoint.host}/${endpoint.name}`,
    scopes: [scopeOf(endpoint.name, 'pull')],
    headers,
    good: [200, 206, 404, 416],
    signal,
  };
}

/** Throws BLOB_MISSING when that is the answer. */
export function refuseMissing({ status, url }: Answer, digest: Digest): void {
  if (status !== 404) return;
  const message = `${url.host} does not have blob ${digest}; push it again, or take it from elsewhere`;
  throw engineError('BLOB_MISSING', message, { digest });
}

/** Whether it is the rest of the blob from `start` on, as `Content-Range` says (RFC 9110, section 14.4). */
export function isRangeFrom(answer: Answer, start: number, { size }: RemoteBlob): boolean {
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(answer.header('content-range')?.trim() ?? '') ?? [];
  return Number(from) === start && (total === '*' || Number(total) === size);
}

/** REGISTRY_PROTOCOL: whoever answers a range with another one. */
export function otherRange({ url, status }: Answer, { digest }: RemoteBlob): MayPass {
  const host = url.host;
  const message = `${host} answers a request for the rest of ${digest} with something else`;
  return new MayPass(engineError('REGISTRY_PROTOCOL', message, { host, status }), { waitMs: 0, overload: false });
}

export function wrongSize({ digest, size }: RemoteBlob, actual: number): EngineError {
  const message = `the registry has ${actual} bytes or more as blob ${digest}, ${size} were promised`;
  return engineError('SIZE_MISMATCH', message, { what: digest, expected: size, actual });
}
