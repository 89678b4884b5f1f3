import type { Digest } from '../../identity/digest.ts';
import type { Descriptor } from '../../image/manifest.ts';
import type { Pour } from '../../image/pending-blob.ts';
import type { BlobRef } from '../../streams/blob-ref.ts';
import type { RequestPace } from './request-pace.ts';

/** All registries of one run: what they share (connections, tokens, how much each bears) lives as long as this. */
export interface Registries extends AsyncDisposable {
  /** `host` with port, as a person writes it (`docker.io` for Docker Hub). Throws REGISTRY_BLOCKED. */
  repository(host: string, name: string): Promise<Repository>;
  /** What a registry that counts pulls said last about those of a person who asks as we do; null when it says nothing. */
  pullsLeft(host: string): PullsLeft | null;
  /** The names of repositories that a registry lists, page after page. */
  catalog(host: string): AsyncIterable<string>;
  close(): Promise<void>;
}

export interface PullsLeft {
  limit: number;
  remaining: number;
}

/**
 * One repository of one registry (OCI distribution spec 1.1, Docker registry v2). Every call retries what may pass, waits as
 * the registry asks, and ends in a typed error: REGISTRY_UNAUTHORIZED, REGISTRY_UNREACHABLE, REGISTRY_REFUSED, ….
 */
export interface Repository {
  readonly host: string;
  readonly name: string;
  /** What a tag or digest is, by HEAD; null when it is not there. Costs no pull where pulls are counted. */
  headManifest(reference: string, signal?: AbortSignal): Promise<ManifestHead | null>;
  /** The bytes, checked against the digest asked for or the one in the answer's header; null when it is not there. */
  manifest(reference: string, signal?: AbortSignal): Promise<FetchedManifest | null>;
  putManifest(reference: string, raw: Buffer, mediaType: string, signal?: AbortSignal): Promise<PutManifest>;
  deleteManifest(digest: Digest, signal?: AbortSignal): Promise<void>;
  /** Bytes of a blob that is there; null when it is not. */
  blobSize(digest: Digest, signal?: AbortSignal): Promise<number | null>;
  /** Writes a blob into the new file `to`, going on where a broken connection ended; size and digest are checked. */
  download(blob: { digest: Digest; size: number }, to: string, options?: TransferOptions): Promise<void>;
  /** Others are asked before the registry itself, and may have to be given up for a blob. */
  readonly hasMirrors: boolean;
  /** Hands over bytes of a blob that nobody has checked, from the registry itself; what breaks is gone on with. */
  pour(blob: { digest: Digest; size: number }, ...range: Parameters<Pour>): Promise<void>;
  /** Sends a blob, in one piece or in chunks that are gone on with after a failure; the registry checks the digest. */
  upload(blob: BlobToSend, options?: UploadOptions): Promise<void>;
  /** Takes a blob over from another repository of this registry; false when the registry does not want to. */
  mount(digest: Digest, from: string, signal?: AbortSignal): Promise<boolean>;
  tags(signal?: AbortSignal): AsyncIterable<string>;
  /** What refers to a manifest, by the API or by the tag that takes its place. */
  referrers(digest: Digest, signal?: AbortSignal): Promise<Descriptor[]>;
}

export interface ManifestHead {
  digest: Digest;
  mediaType: string;
  size: number;
}

export interface FetchedManifest {
  raw: Buffer;
  digest: Digest;
  mediaType: string;
}

export interface PutManifest {
  /** The manifest under which the registry lists this one (`OCI-Subject`); null when it keeps no such lists. */
  subject: Digest | null;
}

export interface TransferOptions {
  signal?: AbortSignal | undefined;
  /** Told of the bytes that have moved so far. */
  onProgress?: ((bytes: number) => void) | undefined;
}

/** A blob in a file, or one that comes from elsewhere while it is sent. */
export type BlobToSend = { digest: Digest; size: number } & (BlobRef | { pour: Pour });

export interface UploadOptions extends TransferOptions {
  /** Hash the bytes here too, for an error that says where they are wrong: DIGEST_MISMATCH. */
  verify?: boolean | undefined;
}

/** How one registry is spoken to, where that is not said for all of them; a part that is not given is as for the others. */
export interface HostOptions {
  /** `HOST[:PORT]`, or `HOST[:PORT]/PATH` for what is below it: the longest one that fits a repository is asked. */
  registry: string;
  credentials?: { username: string; password: string } | undefined;
  /** A file in the form of `auth.json`, and no other. */
  authFile?: string | undefined;
  /** As in RegistryOptions. */
  tlsVerify?: boolean | undefined;
  certDir?: string | undefined;
}

/** How registries are spoken to: what a person may say on the command line, for sources and destinations apart. */
export interface RegistryOptions {
  /** A file in the form of `auth.json`, instead of those of the search order. */
  authFile?: string | undefined;
  /** `user:password`, for every registry of this side that is named, not for mirrors. */
  creds?: string | undefined;
  /** Speak to registries as nobody, whatever files say. */
  noCreds?: boolean | undefined;
  /** False also allows plain HTTP and certificates that nobody vouches for. */
  tlsVerify?: boolean | undefined;
  /** A directory with `*.crt`, `*.cert` and `*.key`, instead of `certs.d`. */
  certDir?: string | undefined;
  /** `registries.conf`, instead of the one of the search order. */
  registriesConf?: string | undefined;
  /** What holds for some registries; creds and noCreds, which are of a command line, come before it. */
  hosts?: readonly HostOptions[] | undefined;
  /** How often a request that may pass is tried again; 5 by default. */
  retryTimes?: number | undefined;
  /** How many requests a second each registry gets; as many as it bears by default. */
  pace?: RequestPace | undefined;
  /** Told what a person should know: a wait, the pulls that remain. */
  onNotice?: ((message: string) => void) | undefined;
  env?: NodeJS.ProcessEnv | undefined;
}
