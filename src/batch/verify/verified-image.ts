import type { ErrorKind } from '../../errors/codes.ts';
import type { EngineError } from '../../errors/engine-error.ts';
import { asEngineError, toWire } from '../../errors/wire.ts';
import type { FormatContext } from '../../formats/context.ts';
import type { Digest } from '../../identity/digest.ts';

/**
 * How much is looked at, each with what the ones before it look at: that names lead to the right manifests; manifests, configs
 * and that every blob is there with its size; every byte of every blob; every layer, unpacked.
 */
export const VERIFY_LEVELS = ['exists', 'digests', 'full', 'diffids'] as const;

export type VerifyLevel = (typeof VERIFY_LEVELS)[number];

/** What is to be somewhere, as whoever put it there knows it. */
export interface ExpectedImage {
  /** Whatever the caller knows it by. */
  key: string;
  kind: 'image' | 'index' | 'artifact';
  /** As `openSink` took it: a layout, an archive, `docker://HOST/PATH/`, …. */
  destination: string;
  /** What leads to it, in familiar form; nothing does to a member of an index and to an artifact. */
  names: readonly string[];
  /** Of its manifest or index; null where the destination has none. */
  digest: Digest | null;
  /** Of its config, which tells it from others where there are no manifests. */
  configDigest?: Digest | null | undefined;
  /** In one repository of a registry: the tags that lead to it; without them what the destination says. */
  tags?: readonly string[] | undefined;
}

export interface VerifiedImage {
  /** Of what was expected; null where everything was looked at that is there. */
  key: string | null;
  kind: 'image' | 'index' | 'artifact' | 'layer' | 'unknown';
  destination: string;
  /** For messages: a name, else a digest. */
  ref: string;
  names: readonly string[];
  /** Of what was found; null where nothing was, or what is there has no manifest. */
  digest: Digest | null;
  /** Blobs that were looked at for it, and their bytes. */
  blobs: number;
  bytes: number;
  /** Everything that is wrong with it; none when it is what it should be. */
  findings: readonly Finding[];
  /** Blobs, and manifests that are gone or that names do not lead to: what is to be brought again. */
  damaged: readonly Digest[];
}

/** One thing that is wrong. */
export interface Finding {
  error: EngineError;
  /** The blob, manifest or layer that it is about, where it is about one. */
  digest: Digest | null;
  /** The file, or `HOST/REPOSITORY`. */
  place: string;
}

export interface VerifyContext {
  formats: FormatContext;
  /** Images of registries, and blobs, at once. */
  jobs: number;
  /** Told of bytes that were looked at. */
  onBytes?: ((bytes: number) => void) | undefined;
  onWarning?: ((message: string) => void) | undefined;
}

const MISMATCHES: ReadonlySet<ErrorKind> = new Set(['Integrity', 'Archive', 'NotFound', 'Driver']);

/** Whether it says what is there, not that nobody could look. */
export function isMismatch({ error }: Finding): boolean {
  return error.code === 'NOT_AN_IMAGE' || (MISMATCHES.has(error.kind) && error.code !== 'SOURCE_CHANGED');
}

/** What was thrown, as something to tell of one image. Cancelling and our own bugs concern the whole and are thrown on. */
export function toldError(thrown: unknown): EngineError {
  const error = asEngineError(thrown);
  if (error.kind === 'Cancelled' || error.kind === 'Internal') throw error;
  return error;
}

/** A finding as JSON. */
export function findingLine({ error, digest, place }: Finding): {
  code: string;
  message: string;
  details: unknown;
  digest: Digest | null;
  place: string;
} {
  const { code, message, details } = toWire(error);
  return { code, message, details, digest, place };
}
