import { Meter } from '../reporting/meter.ts';
import type { BatchEvent, BatchProgress } from './events.ts';

type LayerStarted = Extract<BatchEvent, { type: 'layer-started' }>;
type LayerDone = Extract<BatchEvent, { type: 'layer-done' }>;

/** What tells how a batch comes on. */
export type CountedEvent = WithoutTime<
  Extract<BatchEvent, { type: 'layer-started' | 'layer-done' | 'layer-failed' | 'image-done' | 'image-failed' }>
>;
type WithoutTime<Event> = Event extends unknown ? Omit<Event, 'at'> : never;

/** All that a batch has to do, and what an earlier part of the run has done of it. Bytes of a layer are those in its source. */
export interface WholeBatch {
  images: readonly { key: string; isDone: boolean }[];
  layers: readonly { key: string; bytes: number; isDone: boolean }[];
}

interface Active {
  label: string;
  bytes: number;
}

/** Counts a batch by its events: how far it is, how fast, and how long it will take. */
export class BatchTally {
  readonly #now: () => number;
  readonly #startedMs: number;
  readonly #meter = new Meter();
  readonly #active = new Map<string, Active>();
  readonly #images: Outcomes;
  readonly #layers: Outcomes;
  readonly #sizes: Map<string, number>;
  #sentBytes = 0;
  /** Bytes that were read, those of failed attempts too: what was there already says nothing of the speed. */
  #workedBytes = 0;

  /** `now` in milliseconds of a steady clock. */
  constructor({ images, layers }: WholeBatch, now = (): number => performance.now()) {
    this.#images = new Outcomes(images);
    this.#layers = new Outcomes(layers);
    this.#sizes = new Map(layers.map(({ key, bytes }) => [key, bytes]));
    this.#now = now;
    this.#startedMs = now();
  }

  note(event: CountedEvent): void {
    switch (event.type) {
      case 'layer-started':
        this.#sizes.set(event.key, event.bytes);
        this.#active.set(event.key, { label: labelOf(event), bytes: 0 });
        return;
      case 'layer-done':
        return this.#layerDone(event);
      case 'layer-failed':
        this.#workedBytes += this.#active.get(event.key)?.bytes ?? 0;
        this.#active.delete(event.key);
        if (event.retryInMs === null) this.#layers.set(event.key, 'failed');
        return;
      case 'image-done':
        return this.#images.set(event.key, 'done');
      case 'image-failed':
        if (event.retryInMs === null) this.#images.set(event.key, 'failed');
    }
  }

  /** Bytes that have been read of a layer that is under way. */
  advance(key: string, bytes: number): void {
    const layer = this.#active.get(key);
    if (layer !== undefined) layer.bytes = this.#sizeOf(key) === 0 ? bytes : Math.min(bytes, this.#sizeOf(key));
  }

  progress(): BatchProgress {
    const active = [...this.#active].map(([key, { label, bytes }]) => {
      return { key, label, bytes, totalBytes: this.#sizeOf(key) || null };
    });
    const underWay = active.reduce((sum, { bytes }) => sum + bytes, 0);
    const done = this.#bytesOf('done') + underWay;
    // Sizes that nobody knew must not make more than all of it.
    const total = Math.max(done, this.#bytesOf('done') + this.#bytesOf('failed') + this.#bytesOf('waiting'));
    this.#meter.observe(this.#workedBytes + underWay, this.#now());
    const left = Math.max(0, this.#bytesOf('waiting') - underWay);
    return {
      images: this.#images.counts(),
      layers: this.#layers.counts(),
      bytes: { done, total },
      sentBytes: this.#sentBytes,
      bytesPerSecond: this.#meter.rate,
      etaSeconds: left === 0 ? 0 : this.#meter.secondsFor(left),
      elapsedSeconds: (this.#now() - this.#startedMs) / 1000,
      active,
    };
  }

  #layerDone({ key, bytes, sent, stages }: WithoutTime<LayerDone>): void {
    this.#active.delete(key);
    this.#sizes.set(key, bytes);
    this.#layers.set(key, 'done');
    this.#sentBytes += sent;
    if (sent > 0 || Object.values(stages).some((ms) => ms > 0)) this.#workedBytes += bytes;
  }

  #sizeOf(key: string): number {
    return this.#sizes.get(key) ?? 0;
  }

  #bytesOf(state: State): number {
    return this.#layers.keys(state).reduce((sum, key) => sum + this.#sizeOf(key), 0);
  }
}

type State = 'waiting' | 'done' | 'failed';

/** How each of some things has ended; what failed may go well when it is tried again. Of others it is told as well. */
class Outcomes {
  readonly #states: Map<string, State>;

  constructor(all: readonly { key: string; isDone: boolean }[]) {
    this.#states = new Map(all.map(({ key, isDone }) => [key, isDone ? 'done' : 'waiting']));
  }

  set(key: string, state: State): void {
    if (this.#states.has(key)) this.#states.set(key, state);
  }

  keys(state: State): string[] {
    return [...this.#states].filter(([, current]) => current === state).map(([key]) => key);
  }

  counts(): { done: number; failed: number; total: number } {
    return { done: this.keys('done').length, failed: this.keys('failed').length, total: this.#states.size };
  }
}

function labelOf({ source, digest }: WithoutTime<LayerStarted>): string {
  return `${source} ${digest.slice(digest.indexOf(':') + 1).slice(0, 12)}`;
}

/** How far a batch is before anything has been told of it. */
export const NO_PROGRESS: BatchProgress = {
  images: { done: 0, failed: 0, total: 0 },
  layers: { done: 0, failed: 0, total: 0 },
  bytes: { done: 0, total: 0 },
  sentBytes: 0,
  bytesPerSecond: null,
  etaSeconds: null,
  elapsedSeconds: 0,
  active: [],
};

/** How far it is after an event, for who only hears events. */
export function progressAfter(event: BatchEvent, before: BatchProgress): BatchProgress {
  if (event.type === 'finished') return event.progress;
  if (event.type === 'progress') {
    const { at: _at, type: _type, ...progress } = event;
    return progress;
  }
  if (event.type !== 'planned') return before;
  const { images, distinctLayers, distinctBytes } = event.totals;
  const none = { done: 0, failed: 0 };
  return {
    ...before,
    images: { ...none, total: images },
    layers: { ...none, total: distinctLayers },
    bytes: { done: 0, total: distinctBytes },
  };
}
