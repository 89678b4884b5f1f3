import { engineError, hasCode } from '../../errors/kinds.ts';
import type { Digest } from '../../identity/digest.ts';
import type { Endpoint } from './access-types.ts';
import type { Answer } from './exchange.ts';
import { fileRange } from './file-range.ts';
import { resolveLocation } from './locations.ts';
import { MayPass } from './may-pass.ts';
import type { PassingHash } from './passing-hash.ts';
import { pouredRange } from './pour-blob.ts';
import type { TransferOptions, BlobToSend } from './registry.ts';
import { progressOf, retrying } from './retrying.ts';
import { pathOf, scopeOf } from './scopes.ts';
import type { Call, Wire } from './wire.ts';

/** The first chunks of a registry that refused a blob in one piece. */
const FIRST_CHUNK = 64 * 1024 * 1024;
/** Registries that take less are not worth the round trips. */
const LEAST_CHUNK = 64 * 1024;
/** Connections break for other reasons too, which smaller chunks than this would not mend. */
const BROKEN_CHUNK = 4 * 1024 * 1024;
/** What tells a connection that breaks from one that is broken off because the body is too large. */
const BROKEN_TOO_OFTEN = 2;

/**
 * Sends one blob: in one piece, and in chunks where that is too much or was broken off, from where the registry says that
 * it has got to. Throws what a request ends in.
 */
export class Upload {
  readonly #wire: Wire;
  readonly #endpoint: Endpoint;
  readonly #blob: BlobToSend;
  readonly #options: TransferOptions;
  readonly #newProof: (() => PassingHash) | null;
  #proof: PassingHash | null;
  #location: URL | null = null;
  /** What the registry has got, as far as is known. */
  #at = 0;
  #most = 0;
  #least = LEAST_CHUNK;
  /** Bytes of a chunk; null while the blob goes in one piece. */
  #chunk: number | null = null;
  /** Whether `at` has to be asked for. */
  #unsure = false;
  #resumed = false;
  #broken = 0;

  /** With a `proof`, bytes that are not those of the digest end it before the last of them is sent. */
  constructor(
    wire: Wire,
    endpoint: Endpoint,
    blob: BlobToSend,
    options: TransferOptions & { proof: (() => PassingHash) | null },
  ) {
    [this.#wire, this.#endpoint, this.#blob, this.#options] = [wire, endpoint, blob, options];
    this.#newProof = options.proof;
    this.#proof = options.proof?.() ?? null;
  }

  async run(): Promise<void> {
    const progress = (): number => progressOf(this.#most);
    await retrying(() => this.#attempt(), this.#wire.policy, this.#options.signal, progress);
  }

  async #attempt(): Promise<void> {
    try {
      if (this.#location !== null && this.#unsure) await this.#askWhere();
      if (this.#location === null) await this.#begin();
      if (this.#chunk === null && this.#at === 0) await this.#sendWhole();
      else await this.#sendChunks();
    } catch (error) {
      if (error instanceof MayPass && this.#location !== null) this.#unsure = true;
      throw error;
    }
  }

  async #begin(): Promise<void> {
    [this.#at, this.#unsure, this.#resumed] = [0, false, false];
    // A file stays the same; what comes from elsewhere may be right this time.
    if (!('path' in this.#blob)) this.#proof = this.#newProof?.() ?? null;
    const call = this.#call('POST', `${pathOf(this.#endpoint.name, 'blobs', 'uploads')}/`, [202]);
    await this.#wire.once(call, async (answer) => {
      const least = Number(answer.header('oci-chunk-min-length') ?? 0);
      if (Number.isSafeInteger(least) && least > 0) this.#least = Math.max(LEAST_CHUNK, least);
      this.#goOnAt(answer);
    });
  }

  /**
   * Where the registry has got to; `location` is null afterwards when it does not know. One that says `0-0` means nothing or
   * one byte, and Docker's registry 2 forgets every upload whose connection broke: such uploads start again.
   */
  async #askWhere(): Promise<void> {
    await this.#wire.once(this.#call('GET', this.#location!, [204, 200, 202, 404, 405, 400]), async (answer) => {
      const end = receivedEnd(answer);
      if (answer.status >= 400 || end === null || end === 0 || end >= this.#blob.size) {
        this.#location = null;
        return;
      }
      this.#goOnAt(answer);
      [this.#at, this.#unsure, this.#resumed] = [end + 1, false, true];
      this.#most = Math.max(this.#most, this.#at);
    });
  }

  async #sendWhole(): Promise<void> {
    try {
      await this.#finish(this.#blob.size);
    } catch (error) {
      // Some break the connection off where they should say 413.
      if (isBroken(error) && ++this.#broken >= BROKEN_TOO_OFTEN) this.#chunk = this.#firstChunk();
      if (!isTooLarge(error) || !this.#shrink()) throw error;
      await this.#begin();
      await this.#sendChunks();
    }
  }

  async #sendChunks(): Promise<void> {
    this.#chunk ??= this.#firstChunk();
    while (this.#at < this.#blob.size) {
      try {
        await this.#sendChunk(Math.min(this.#blob.size, this.#at + this.#chunk));
      } catch (error) {
        if (isBroken(error) && this.#chunk > 2 * BROKEN_CHUNK) this.#chunk = Math.floor(this.#chunk / 2);
        if (!isTooLarge(error) || !this.#shrink()) throw error;
      }
    }
    await this.#finish(this.#at);
  }

  async #sendChunk(end: number): Promise<void> {
    const start = this.#at;
    const headers = { ...lengthOf(end - start), 'content-range': `${start}-${end - 1}` };
    const call = this.#call('PATCH', this.#location!, [202, 201, 204, 404, 416]);
    await this.#wire.once({ ...call, headers, body: () => this.#bytes(start, end) }, async (answer) => {
      if (answer.status === 404) throw this.#lost(answer);
      if (answer.status === 416) throw this.#notThere(answer);
      this.#goOnAt(answer);
      const got = receivedEnd(answer);
      // A registry may keep less of a chunk than it was sent.
      if (got !== null && got + 1 < end) throw this.#notThere(answer);
      this.#at = end;
      this.#most = Math.max(this.#most, end);
    });
  }

  /** Sends what is left (up to `end` from the start, or nothing) and has the registry check the digest. */
  async #finish(end: number): Promise<void> {
    const start = this.#at;
    const url = new URL(this.#location!);
    url.searchParams.set('digest', this.#blob.digest);
    const call = this.#call('PUT', url, [201, 204, 404]);
    const body = (): ReturnType<typeof fileRange> => this.#bytes(start, end);
    const sent = end > start ? { headers: lengthOf(end - start), body } : {};
    try {
      await this.#wire.once({ ...call, ...sent }, async (answer) => {
        if (answer.status === 404) throw this.#lost(answer);
      });
    } catch (error) {
      // Put together from two connections it may have become something else; in one it must be right.
      if (!this.#resumed || !hasCode(error, 'REGISTRY_REFUSED') || error.details.status !== 400) throw error;
      this.#location = null;
      throw new MayPass(error, { waitMs: 0, overload: false });
    }
  }

  #bytes(start: number, end: number): ReturnType<typeof fileRange> {
    const onBytes = (bytes: number): void => this.#options.onProgress?.(bytes);
    const watch = { onBytes, proof: this.#proof };
    if ('path' in this.#blob) return fileRange(this.#blob, start, end, watch);
    return pouredRange(this.#blob.pour, [start, end], watch, this.#options.signal);
  }

  #goOnAt(answer: Answer): void {
    const location = answer.header('location');
    if (location !== undefined) {
      this.#location = resolveLocation(answer, location, this.#endpoint.insecure);
      return;
    }
    if (this.#location !== null) return;
    const { host } = answer.url;
    throw engineError('REGISTRY_PROTOCOL', `${host} starts an upload and does not say where`, {
      host,
      status: answer.status,
    });
  }

  #firstChunk(): number {
    return Math.max(this.#least, Math.min(FIRST_CHUNK, Math.ceil(this.#blob.size / 2)));
  }

  /** Makes chunks smaller; false when they are as small as they may be. */
  #shrink(): boolean {
    const next = this.#chunk === null ? this.#firstChunk() : Math.floor(this.#chunk / 2);
    if (next < this.#least || next >= this.#blob.size) return false;
    this.#chunk = next;
    return true;
  }

  #lost({ url, status }: Answer): MayPass {
    this.#location = null;
    const message = `${url.host} has lost the upload of blob ${this.#blob.digest}; try again later`;
    const error = engineError('REGISTRY_UNAVAILABLE', message, { host: url.host, status });
    return new MayPass(error, { waitMs: this.#resumed ? null : 0, overload: false });
  }

  #notThere({ url, status }: Answer): MayPass {
    const message = `${url.host} has less of blob ${this.#blob.digest} than it was sent`;
    return new MayPass(engineError('REGISTRY_UNAVAILABLE', message, { host: url.host, status }), { overload: false });
  }

  #call(method: Call['method'], to: string | URL, good: number[]): Call {
    const { name, host } = this.#endpoint;
    return {
      endpoint: this.#endpoint,
      method,
      to,
      what: `the upload of blob ${this.#blob.digest} to ${host}/${name}`,
      scopes: [scopeOf(name, 'pull,push')],
      good,
      signal: this.#options.signal,
    };
  }
}

function lengthOf(bytes: number): Record<string, string> {
  return { 'content-type': 'application/octet-stream', 'content-length': String(bytes) };
}

/** The last byte that a registry has, by `Range: 0-N`; null when it does not say. */
function receivedEnd(answer: Answer): number | null {
  const end = /^(?:bytes[= ])?0-(\d+)$/.exec(answer.header('range')?.trim() ?? '')?.[1];
  return end === undefined ? null : Number(end);
}

function isTooLarge(error: unknown): boolean {
  return hasCode(error, 'REGISTRY_REFUSED') && error.details.status === 413;
}

function isBroken(error: unknown): boolean {
  return error instanceof MayPass && hasCode(error.error, 'REGISTRY_UNREACHABLE');
}

/** Asks the registry to take a blob over from another of its repositories; what it starts in place of that is ended. */
export async function mount(
  wire: Wire,
  endpoint: Endpoint,
  digest: Digest,
  from: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const query = new URLSearchParams({ mount: digest, from });
  const call: Call = {
    endpoint,
    method: 'POST',
    to: `${pathOf(endpoint.name, 'blobs', 'uploads')}/?${query.toString()}`,
    what: `a mount of blob ${digest} from ${from} in ${endpoint.host}/${endpoint.name}`,
    scopes: [scopeOf(endpoint.name, 'pull,push'), scopeOf(from, 'pull')],
    // Who may not read there, or knows no mounts, is no reason to fail: the blob can still be sent.
    good: [201, 202, 400, 401, 403, 404, 405],
    signal,
  };
  const started = await wire.send(call, async (answer) => {
    const location = answer.header('location');
    if (answer.status !== 202 || location === undefined) return answer.status === 201;
    return resolveLocation(answer, location, endpoint.insecure);
  });
  if (typeof started === 'boolean') return started;
  const end: Call = {
    ...call,
    method: 'DELETE',
    to: started,
    scopes: [scopeOf(endpoint.name, 'pull,push')],
    good: [202, 204, 404],
  };
  await wire.once(end, async () => undefined).catch(() => undefined);
  return false;
}
