import { type Digest, digestAlgorithm, digestHex } from '../../identity/digest.ts';
import type { DocumentLimits } from '../../image/document-limits.ts';
import { decodeIndex, type Descriptor } from '../../image/manifest.ts';
import { isIndexType, OCI_INDEX } from '../../image/media-types.ts';
import type { Endpoint } from './access-types.ts';
import { bodyOf } from './exchange.ts';
import { pagesOf } from './listing.ts';
import { bareType } from './manifest-type.ts';
import type { Manifests } from './manifests.ts';
import { pathOf, scopeOf } from './scopes.ts';
import type { Call, Wire } from './wire.ts';

/**
 * What refers to a manifest: by the API, or, where there is none, by the tag that takes its place (OCI distribution spec 1.1,
 * "Listing Referrers" and "Referrers Tag Schema").
 */
export async function referrersOf(
  wire: Wire,
  manifests: Manifests,
  limits: DocumentLimits,
  digest: Digest,
  at: { endpoint: Endpoint; signal: AbortSignal | undefined },
): Promise<Descriptor[]> {
  const { host, name } = at.endpoint;
  const call: Call = {
    ...at,
    method: 'GET',
    to: pathOf(name, 'referrers', digest),
    what: `the list of what refers to ${host}/${name}@${digest}`,
    scopes: [scopeOf(name, 'pull')],
    headers: { accept: OCI_INDEX },
    good: [200, 400, 404, 405, 501],
  };
  const found: Descriptor[] = [];
  const pages = pagesOf(wire, call, async (answer) => {
    // A web page for every address is what some answer who do not know this one.
    if (answer.status !== 200 || bareType(answer.header('content-type')) !== OCI_INDEX) return null;
    return decodeIndex(await bodyOf(answer, limits.bytes, call.what), OCI_INDEX, limits);
  });
  for await (const page of pages) {
    if (page === null) return found.length > 0 ? found : await byTag(manifests, limits, digest, at);
    found.push(...page);
  }
  return found;
}

/** The tag of the index that lists what refers to a manifest, where the registry does not. */
export function referrersTag(digest: Digest): string {
  return `${digestAlgorithm(digest)}-${digestHex(digest).slice(0, 64)}`;
}

async function byTag(
  manifests: Manifests,
  limits: DocumentLimits,
  digest: Digest,
  at: { endpoint: Endpoint; signal: AbortSignal | undefined },
): Promise<Descriptor[]> {
  const index = await manifests.fetch(referrersTag(digest), at);
  return index === null || !isIndexType(index.mediaType) ? [] : decodeIndex(index.raw, index.mediaType, limits);
}
