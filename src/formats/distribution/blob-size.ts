import type { Digest } from '../../identity/digest.ts';
import type { Endpoint } from './access-types.ts';
import { pathOf, scopeOf } from './scopes.ts';
import type { Call, Wire } from './wire.ts';

/** Bytes of a blob that is there; null when it is not, or when the registry does not say how long it is. */
export async function blobSizeOf(
  wire: Wire,
  digest: Digest,
  at: { endpoint: Endpoint; signal: AbortSignal | undefined },
): Promise<number | null> {
  const { host, name } = at.endpoint;
  const call: Call = {
    ...at,
    method: 'HEAD',
    to: pathOf(name, 'blobs', digest),
    what: `the question whether blob ${digest} is in ${host}/${name}`,
    scopes: [scopeOf(name, 'pull')],
    good: [200, 404, 400, 405, 501],
  };
  const ask = (method: 'HEAD' | 'GET'): Promise<number | null | undefined> =>
    wire.send({ ...call, method }, async (answer) => {
      if (answer.status === 404) return null;
      const length = answer.header('content-length');
      return answer.status === 200 && length !== undefined && /^\d+$/.test(length) ? Number(length) : undefined;
    });
  // Where HEAD is not known, the head of the whole is read and the rest let go.
  const size = await ask('HEAD');
  return (size === undefined ? await ask('GET') : size) ?? null;
}
