import type { BatchEvent, BatchProgress } from '../../src/batch/events.ts';
import type { Failure } from '../../src/batch/ledger/ledger.ts';
import type { Digest } from '../../src/identity/digest.ts';

const at = '2020-01-02T03:04:05.678Z';
const DIGEST: Digest = `sha256:${'a'.repeat(64)}`;

const FAILURE: Failure = {
  class: 'passing',
  code: 'REGISTRY_UNREACHABLE',
  message: 'the connection to registry.example failed',
  details: { host: 'registry.example', reason: 'ECONNRESET' },
};

export const PROGRESS: BatchProgress = {
  images: { done: 12, failed: 3, total: 300 },
  layers: { done: 5, failed: 0, total: 40 },
  bytes: { done: 1_200_000_000, total: 4_500_000_000 },
  sentBytes: 900_000_000,
  bytesPerSecond: 210_000_000,
  etaSeconds: 15.7,
  elapsedSeconds: 6.5,
  active: [{ key: 'b1', label: 'images.tar aaaaaaaaaaaa', bytes: 10, totalBytes: 20 }],
};

export function planned(images: number, layers: number, bytes: number): BatchEvent {
  const totals = { images, layers, distinctLayers: layers, logicalBytes: bytes, distinctBytes: bytes };
  return {
    at,
    type: 'planned',
    ledger: '/jobs/move.ledger',
    totals: { ...totals, thereBytes: 0, destinations: 1, failedSources: 0 },
  };
}

export function layerStarted(key: string, bytes: number): BatchEvent {
  return { at, type: 'layer-started', key, digest: DIGEST, bytes, source: 'images.tar', destination: 'oci:out' };
}

export function layerDone(key: string, bytes: number, sent = bytes): BatchEvent {
  const stages = sent === 0 ? {} : { read: 500, compress: 1500 };
  return { at, type: 'layer-done', key, digest: DIGEST, result: DIGEST, bytes, sent, stages };
}

export function layerFailed(key: string, retryInMs: number | null): BatchEvent {
  return { at, type: 'layer-failed', key, digest: DIGEST, attempt: 1, failure: FAILURE, retryInMs };
}

export function imageDone(key: string): BatchEvent {
  return {
    at,
    type: 'image-done',
    key,
    kind: 'image',
    source: 'images.tar',
    ref: 'app:1',
    names: ['app:1'],
    destination: 'oci:out',
    platform: 'linux/amd64',
    sourceDigest: null,
    digest: DIGEST,
    layers: 3,
    bytes: 1000,
    changed: true,
    equality: 'manifest',
    warnings: [],
  };
}

export function imageFailed(key: string, retryInMs: number | null): BatchEvent {
  const where = { source: 'images.tar', ref: 'app:1', destination: 'oci:out' };
  return { at, type: 'image-failed', key, ...where, attempt: 2, failure: FAILURE, retryInMs };
}

export function progressEvent(other: Partial<BatchProgress> = {}): BatchEvent {
  return { at, type: 'progress', ...PROGRESS, ...other };
}

/** One of each type at least. */
export const ONE_OF_EACH: { readonly [Type in BatchEvent['type']]: readonly BatchEvent[] } = {
  planned: [planned(3, 2, 100)],
  'layer-started': [layerStarted('b1', 20)],
  'layer-done': [layerDone('b1', 20), layerDone('b2', 20, 0)],
  'layer-failed': [layerFailed('b1', 1000), layerFailed('b1', null)],
  'image-done': [imageDone('i1')],
  'image-failed': [imageFailed('i1', 1000), imageFailed('i1', null)],
  'destination-done': [{ at, type: 'destination-done', destination: 'oci:out', images: 3 }],
  warning: [{ at, type: 'warning', message: 'the layout has no oci-layout file' }],
  progress: [progressEvent(), progressEvent({ bytesPerSecond: null, etaSeconds: null, active: [] })],
  finished: [
    { at, type: 'finished', outcome: 'done', progress: PROGRESS },
    { at, type: 'finished', outcome: 'interrupted', progress: PROGRESS },
  ],
};
