import { engineError } from '../../errors/kinds.ts';
import { type Digest, isDigest, sha256Digest } from '../../identity/digest.ts';
import type { DocumentLimits } from '../../image/document-limits.ts';
import type { Endpoint } from './access-types.ts';
import { type Answer, bodyOf } from './exchange.ts';
import { ACCEPT, bareType, manifestType } from './manifest-type.ts';
import { manifestDigest } from './payload-digest.ts';
import type { FetchedManifest, ManifestHead, PutManifest } from './registry.ts';
import { pathOf, scopeOf } from './scopes.ts';
import type { Call, Wire } from './wire.ts';

type At = { endpoint: Endpoint; signal: AbortSignal | undefined };

/** The manifests of one repository at one endpoint. */
export class Manifests {
  readonly #wire: Wire;
  readonly #limits: DocumentLimits;

  constructor(wire: Wire, limits: DocumentLimits) {
    [this.#wire, this.#limits] = [wire, limits];
  }

  /** Where HEAD is not known, or does not say what it should, the manifest itself is fetched. */
  async head(reference: string, at: At): Promise<ManifestHead | null> {
    const call = this.#call('HEAD', reference, at, [200, 404, 400, 405, 501]);
    const head = await this.#wire.send(call, async (answer) =>
      answer.status === 200 ? headOf(answer) : answer.status,
    );
    if (head === 404) return null;
    if (typeof head === 'object' && head !== null) {
      if (!isDigest(reference) || head.digest === reference) return head;
      throw mismatch(call.what, reference, head.digest);
    }
    const whole = await this.fetch(reference, at);
    return whole === null ? null : { digest: whole.digest, mediaType: whole.mediaType, size: whole.raw.length };
  }

  fetch(reference: string, at: At): Promise<FetchedManifest | null> {
    const call = this.#call('GET', reference, at, [200, 404]);
    return this.#wire.send(call, async (answer) => {
      if (answer.status === 404) return null;
      const raw = await bodyOf(answer, this.#limits.bytes, call.what);
      const asked = isDigest(reference) ? reference : null;
      const digest = manifestDigest(raw, asked, saidDigest(answer), call.what);
      return { raw, digest, mediaType: manifestType(answer.header('content-type'), raw) };
    });
  }

  async put(reference: string, raw: Buffer, mediaType: string, at: At): Promise<PutManifest> {
    const call = this.#call('PUT', reference, at, [201, 200, 202]);
    const headers = { 'content-type': mediaType };
    return this.#wire.send({ ...call, headers, body: () => raw }, async (answer) => {
      const said = saidDigest(answer);
      const actual = sha256Digest(raw);
      if (said?.startsWith('sha256:') === true && said !== actual) throw mismatch(call.what, actual, said);
      const subject = answer.header('oci-subject')?.trim() ?? '';
      return { subject: isDigest(subject) ? subject : null };
    });
  }

  async delete(digest: Digest, at: At): Promise<void> {
    const call = this.#call('DELETE', digest, at, [200, 202, 204, 405]);
    await this.#wire.send(call, async ({ status }) => {
      if (status === 405) throw deletesNothing(at.endpoint);
    });
  }

  #call(method: Call['method'], reference: string, { endpoint, signal }: At, good: number[]): Call {
    const { name, host } = endpoint;
    const actions = method === 'PUT' ? 'pull,push' : method === 'DELETE' ? 'pull,delete' : 'pull';
    return {
      endpoint,
      method,
      to: pathOf(name, 'manifests', reference),
      what: `the manifest ${host}/${name}${isDigest(reference) ? '@' : ':'}${reference}`,
      scopes: [scopeOf(name, actions)],
      headers: { accept: ACCEPT },
      good,
      signal,
    };
  }
}

function deletesNothing({ host }: Endpoint): Error {
  const message = `${host} does not delete images (405): whoever runs it has to allow that first, in docker-registry by storage.delete.enabled`;
  return engineError('REGISTRY_REFUSED', message, { host, status: 405 });
}

/** Null when the registry does not say all of it. */
function headOf(answer: Answer): ManifestHead | null {
  const digest = saidDigest(answer);
  const size = Number(answer.header('content-length') ?? Number.NaN);
  const mediaType = bareType(answer.header('content-type'));
  return digest === null || !Number.isSafeInteger(size) || mediaType === '' ? null : { digest, mediaType, size };
}

function saidDigest(answer: Answer): Digest | null {
  const said = answer.header('docker-content-digest')?.trim() ?? '';
  return isDigest(said) ? said : null;
}

function mismatch(what: string, expected: Digest, actual: Digest): Error {
  const message = `the registry says that ${what} has digest ${actual}, not ${expected} as it should`;
  return engineError('DIGEST_MISMATCH', message, { what, expected, actual });
}
