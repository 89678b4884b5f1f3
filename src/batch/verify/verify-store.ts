import { describeForExport } from '../../coordinator/jobs/export-image.ts';
import type { StoreTools } from '../../coordinator/job-context.ts';
import type { EngineError } from '../../errors/engine-error.ts';
import { engineError } from '../../errors/kinds.ts';
import type { Digest } from '../../identity/digest.ts';
import { truncateId } from '../../identity/image-id.ts';
import type { BlobChecks } from './blob-checks.ts';
import { resultOf } from './look-at.ts';
import { type Finding, toldError, type VerifiedImage, type VerifyContext, type VerifyLevel } from './verified-image.ts';

type Store = Pick<StoreTools, 'graph' | 'tags'>;

/** What is to be looked at in a store. */
interface Wanted {
  id: string;
  ref: string;
  names: readonly string[];
}

/**
 * Looks at images of a store: at all that have a name or that nothing is built on, or at those named. Packed blobs that are
 * kept are looked at as anywhere; from `full` on each layer is made again from its files and must have its DiffID.
 */
export async function* verifyStore(
  store: Store,
  names: readonly string[] | null,
  level: VerifyLevel,
  context: VerifyContext,
  checks: BlobChecks,
): AsyncGenerator<VerifiedImage> {
  const wanted = names === null ? await everything(store) : names;
  const running = wanted.map((image) => () => verifyOne(store, image, level, context, checks));
  // A few ahead: threads are kept busy, and results come in order.
  const ahead: Promise<VerifiedImage>[] = [];
  for (const start of running) {
    const result = start();
    result.catch(() => {});
    ahead.push(result);
    if (ahead.length > context.jobs) yield await ahead.shift()!;
  }
  for (const result of ahead) yield await result;
}

async function everything({ graph, tags }: Store): Promise<Wanted[]> {
  const names = tags.byId();
  const ids = new Set(names.keys());
  for await (const { id } of graph.heads()) ids.add(id);
  return [...ids].map((id) => {
    const own = names.get(id) ?? [];
    return { id, ref: own[0] ?? truncateId(id), names: own };
  });
}

async function verifyOne(
  store: Store,
  wanted: Wanted | string,
  level: VerifyLevel,
  context: VerifyContext,
  checks: BlobChecks,
): Promise<VerifiedImage> {
  const place = store.graph.root;
  const ref = typeof wanted === 'string' ? wanted : wanted.ref;
  const named = typeof wanted === 'string' ? [wanted] : wanted.names;
  const about = { key: null, kind: 'image', destination: 'store:', ref, names: named } as const;
  try {
    const id = typeof wanted === 'string' ? (await store.tags.lookupImage(wanted)).id : wanted.id;
    const { findings, ...found } = await lookInside(store, id, level, context, checks);
    return { ...(await resultOf(null, about, findings)), ...found };
  } catch (thrown) {
    return resultOf(null, about, [{ error: toldError(thrown), digest: null, place }]);
  }
}

async function lookInside(
  { graph }: Store,
  id: string,
  level: VerifyLevel,
  context: VerifyContext,
  checks: BlobChecks,
): Promise<Pick<VerifiedImage, 'digest' | 'blobs' | 'bytes'> & { findings: Finding[] }> {
  const release = graph.retainPresent(id);
  try {
    const image = await describeForExport(graph, id);
    const digest = image.manifest.manifest?.digest ?? null;
    const bytes = image.layers.reduce((sum, { tarSize }) => sum + tarSize, 0);
    const findings = image.newConfig ? [] : configFinding(graph.root, id, image.configDigest);
    const results =
      level === 'exists' ? [] : image.layers.map((layer) => layerFindings(graph, layer, level, context, checks));
    for (const found of await Promise.all(results)) findings.push(...found);
    return { digest, blobs: image.layers.length, bytes, findings };
  } finally {
    release();
  }
}

/** A content-addressed image is called by the digest of its config. */
function configFinding(place: string, id: string, actual: Digest): Finding[] {
  const expected: Digest = `sha256:${id}`;
  if (actual === expected) return [];
  const message = `the config of image ${truncateId(id)} has digest ${actual}; import the image again`;
  const error = engineError('DIGEST_MISMATCH', message, { what: 'the image config', expected, actual });
  return [{ error, digest: expected, place }];
}

type Layer = Awaited<ReturnType<typeof describeForExport>>['layers'][number];

async function layerFindings(
  graph: Store['graph'],
  { id, diffId, kept }: Layer,
  level: VerifyLevel,
  context: VerifyContext,
  checks: BlobChecks,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const add = (error: EngineError | null, digest: Digest, place: string): void => {
    if (error !== null) findings.push({ error, digest, place });
  };
  if (kept !== null) {
    const blob = graph.blobs.ref(kept.digest, kept.size);
    add(await checks.check({ blob, diffId, isLayer: true }), kept.digest, blob.path);
  }
  if (level === 'digests') return findings;
  const rebuilt = await checks.once(`layer ${id}`, () => rebuild(graph, id, diffId, context));
  add(rebuilt, diffId, graph.imageRoot(id));
  return findings;
}

async function rebuild(graph: Store['graph'], id: string, diffId: Digest, context: VerifyContext): Promise<void> {
  let before = 0;
  const onProgress = ({ bytesIn }: { bytesIn: number }): void => {
    context.onBytes?.(bytesIn - before);
    before = bytesIn;
  };
  await graph.checkLayer(id, diffId, { signal: context.formats.signal, onProgress });
}
