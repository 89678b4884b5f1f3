import type { ErrorCode } from '../../errors/codes.ts';
import type { EngineError } from '../../errors/engine-error.ts';
import { isEngineError } from '../../errors/kinds.ts';
import { type Digest, isDigest } from '../../identity/digest.ts';
import type { DocumentLimits } from '../../image/document-limits.ts';
import type { Descriptor } from '../../image/manifest.ts';
import type { Pour, Take } from '../../image/pending-blob.ts';
import type { ResumableSha256 } from '../../system/resumable-sha256.ts';
import type { TaskPool } from '../../tasks/task-pool.ts';
import type { Endpoint } from './access-types.ts';
import { blobSizeOf } from './blob-size.ts';
import { download } from './download.ts';
import { namesOf } from './listing.ts';
import { Manifests } from './manifests.ts';
import { pourBlob } from './pour-blob.ts';
import { referrersOf } from './referrers.ts';
import { proofFor } from './passing-hash.ts';
import type {
  BlobToSend,
  FetchedManifest,
  ManifestHead,
  PutManifest,
  Repository,
  TransferOptions,
  UploadOptions,
} from './registry.ts';
import { progressOf, retrying } from './retrying.ts';
import { scopeOf } from './scopes.ts';
import { mount, Upload } from './upload.ts';
import type { Wire } from './wire.ts';

/** After all attempts: asking such a mirror for every blob would take longer than not having it. */
const DEAD: ReadonlySet<ErrorCode> = new Set(['REGISTRY_UNREACHABLE', 'REGISTRY_UNAVAILABLE', 'REGISTRY_UNTRUSTED']);

/** What the repositories of a run share. */
export interface Shared {
  wire: Wire;
  pool: TaskPool;
  sha256: ResumableSha256 | null;
  limits: DocumentLimits;
  signal: AbortSignal | undefined;
  notice: (message: string) => void;
  /** Mirrors that could not be reached: they are not asked again. */
  dead: Set<string>;
}

export class RemoteRepository implements Repository {
  readonly host: string;
  readonly name: string;
  readonly #shared: Shared;
  /** Mirrors first. */
  readonly #endpoints: readonly Endpoint[];
  readonly #own: Endpoint;
  readonly #manifests: Manifests;

  /** `endpoints` ends with the registry itself. */
  constructor(host: string, name: string, endpoints: readonly [...Endpoint[], Endpoint], shared: Shared) {
    [this.host, this.name, this.#endpoints, this.#shared] = [host, name, endpoints, shared];
    this.#own = endpoints.at(-1)!;
    this.#manifests = new Manifests(shared.wire, shared.limits);
  }

  headManifest(reference: string, signal?: AbortSignal): Promise<ManifestHead | null> {
    const stop = this.#either(signal);
    return this.#pull(isDigest(reference), (endpoint) => this.#manifests.head(reference, { endpoint, signal: stop }));
  }

  manifest(reference: string, signal?: AbortSignal): Promise<FetchedManifest | null> {
    const stop = this.#either(signal);
    return this.#pull(isDigest(reference), (endpoint) => this.#manifests.fetch(reference, { endpoint, signal: stop }));
  }

  putManifest(reference: string, raw: Buffer, mediaType: string, signal?: AbortSignal): Promise<PutManifest> {
    return this.#manifests.put(reference, raw, mediaType, this.#at(signal));
  }

  deleteManifest(digest: Digest, signal?: AbortSignal): Promise<void> {
    return this.#manifests.delete(digest, this.#at(signal));
  }

  /** Never by a mirror: what it has the registry may lack, and then it has to be sent. */
  blobSize(digest: Digest, signal?: AbortSignal): Promise<number | null> {
    return blobSizeOf(this.#shared.wire, digest, this.#at(signal));
  }

  async download(blob: { digest: Digest; size: number }, to: string, options: TransferOptions = {}): Promise<void> {
    const { wire, ...by } = this.#shared;
    const own = { ...options, signal: this.#either(options.signal) };
    await this.#pull(true, (endpoint) => download(wire, by, { endpoint, ...blob, to }, own));
  }

  get hasMirrors(): boolean {
    return this.#endpoints.length > 1;
  }

  async pour(blob: { digest: Digest; size: number }, ...[start, end, take, signal]: Parameters<Pour>): Promise<void> {
    const { wire } = this.#shared;
    const from = { endpoint: this.#own, ...blob };
    const stop = this.#either(signal);
    let at = start;
    const counted: Take = (chunk) => {
      at += chunk.length;
      return take(chunk);
    };
    const attempt = async (): Promise<void> => {
      if (at < end || at === start) await pourBlob(wire, from, [at, end], counted, stop);
    };
    await retrying(attempt, wire.policy, stop, () => progressOf(at - start));
  }

  async upload(blob: BlobToSend, { verify = false, ...options }: UploadOptions = {}): Promise<void> {
    const { wire, pool, sha256 } = this.#shared;
    const signal = this.#either(options.signal);
    const proof = verify ? proofFor(blob, sha256) : null;
    const sending = new Upload(wire, this.#own, blob, { ...options, signal, proof }).run();
    // What is in no file only the registry can check, where it cannot be hashed as it passes.
    if (!verify || proof !== null || !('path' in blob)) return sending;
    const [sent, hashed] = await Promise.allSettled([sending, pool.run('blob.digest', { blob }, { signal })]);
    // That the bytes are wrong says more than that a registry does not want them.
    for (const outcome of [hashed, sent]) if (outcome.status === 'rejected') throw outcome.reason;
  }

  mount(digest: Digest, from: string, signal?: AbortSignal): Promise<boolean> {
    return mount(this.#shared.wire, this.#own, digest, from, this.#either(signal));
  }

  tags(signal?: AbortSignal): AsyncIterable<string> {
    const { host, name } = this.#own;
    const call = {
      ...this.#at(signal),
      method: 'GET' as const,
      to: `/v2/${name}/tags/list?n=1000`,
      what: `the list of tags of ${host}/${name}`,
      scopes: [scopeOf(name, 'pull')],
      good: [200],
    };
    return namesOf(this.#shared.wire, call, 'tags');
  }

  referrers(digest: Digest, signal?: AbortSignal): Promise<Descriptor[]> {
    const { wire, limits } = this.#shared;
    return referrersOf(wire, this.#manifests, limits, digest, this.#at(signal));
  }

  #at(signal: AbortSignal | undefined): { endpoint: Endpoint; signal: AbortSignal | undefined } {
    return { endpoint: this.#own, signal: this.#either(signal) };
  }

  #either(signal: AbortSignal | undefined): AbortSignal | undefined {
    const whole = this.#shared.signal;
    if (whole === undefined || signal === undefined || whole === signal) return signal ?? whole;
    return AbortSignal.any([whole, signal]);
  }

  /** Asks the mirrors and, for what they do not have or do wrong, the registry itself. */
  async #pull<Value>(byDigest: boolean, ask: (endpoint: Endpoint) => Promise<Value | null>): Promise<Value | null> {
    for (const endpoint of this.#endpoints) {
      if (endpoint === this.#own) break;
      const refused = byDigest ? endpoint.pullsByTagOnly : endpoint.pullsByDigestOnly;
      if (refused === true || this.#shared.dead.has(endpoint.origin)) continue;
      try {
        const found = await ask(endpoint);
        if (found !== null) return found;
      } catch (error) {
        if (!isEngineError(error) || !isOfMirror(error)) throw error;
        if (DEAD.has(error.code)) this.#shared.dead.add(endpoint.origin);
        this.#shared.notice(`a mirror failed, the next one is asked: ${error.message}`);
      }
    }
    return ask(this.#own);
  }
}

/** What another endpoint may do better; a full disk is not of that kind. */
function isOfMirror({ kind, code }: EngineError): boolean {
  return kind === 'Remote' || kind === 'Integrity' || code === 'BLOB_MISSING';
}
