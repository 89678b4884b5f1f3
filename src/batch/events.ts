import type { Equality } from '../coordinator/copy/equality.ts';
import type { Digest } from '../identity/digest.ts';
import type { Failure, Stages } from './ledger/ledger.ts';

/** What a batch tells while it runs; each is one line of `--progress json`. Times are ISO 8601. */
export type BatchEvent = { at: string } & (
  | { type: 'planned'; ledger: string | null; totals: PlanTotals }
  | { type: 'layer-started'; key: string; digest: Digest; bytes: number; source: string; destination: string }
  | { type: 'layer-done'; key: string; digest: Digest; result: Digest; bytes: number; sent: number; stages: Stages }
  | { type: 'layer-failed'; key: string; digest: Digest; attempt: number; failure: Failure; retryInMs: number | null }
  | ({ type: 'image-done'; key: string } & ImageDone)
  | {
      type: 'image-failed';
      key: string;
      source: string;
      ref: string | null;
      destination: string;
      attempt: number;
      failure: Failure;
      retryInMs: number | null;
    }
  | { type: 'destination-done'; destination: string; images: number }
  | { type: 'warning'; message: string }
  | ({ type: 'progress' } & BatchProgress)
  | { type: 'finished'; outcome: 'done' | 'failed' | 'interrupted'; progress: BatchProgress }
);

export interface ImageDone {
  kind: 'image' | 'index' | 'artifact';
  source: string;
  ref: string;
  names: readonly string[];
  destination: string;
  platform: string | null;
  /** In the source, where it has manifests. */
  sourceDigest: Digest | null;
  /** In the destination, where that has manifests. */
  digest: Digest | null;
  layers: number;
  /** Of its layers in the destination. */
  bytes: number;
  /** False when it was there already, by the ledger and the destination. */
  changed: boolean;
  equality: Equality;
  warnings: readonly string[];
}

export interface PlanTotals {
  images: number;
  layers: number;
  distinctLayers: number;
  /** Bytes of the layers in the sources: each image by itself, and each distinct layer once. */
  logicalBytes: number;
  distinctBytes: number;
  /** Of the distinct bytes those that destinations hold already. */
  thereBytes: number;
  destinations: number;
  failedSources: number;
}

export interface BatchProgress {
  images: { done: number; failed: number; total: number };
  layers: { done: number; failed: number; total: number };
  /** Bytes of distinct layers in the sources, with those under way. */
  bytes: { done: number; total: number };
  sentBytes: number;
  /** Over the last seconds; null at the beginning. */
  bytesPerSecond: number | null;
  etaSeconds: number | null;
  elapsedSeconds: number;
  /** What is under way. */
  active: readonly { key: string; label: string; bytes: number; totalBytes: number | null }[];
}
