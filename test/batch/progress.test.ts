import { describe, expect, test } from 'vitest';
import type { BatchEvent } from '../../src/batch/events.ts';
import { BatchTally, type CountedEvent, NO_PROGRESS, progressAfter } from '../../src/batch/progress.ts';
import {
  imageDone,
  imageFailed,
  layerDone,
  layerFailed,
  layerStarted,
  ONE_OF_EACH,
  planned,
  PROGRESS,
} from '../support/batch-events.ts';

/** Images by name, done ones with a `+`; layers with their bytes. */
interface Whole {
  images?: string[];
  layers: Record<string, number>;
  done?: string[];
}

/** A tally whose clock moves only when told. */
class Clocked extends BatchTally {
  readonly #clock: { ms: number };

  constructor({ images = [], layers, done = [] }: Whole, clock = { ms: 0 }) {
    const whole = {
      images: images.map((key) => ({ key, isDone: done.includes(key) })),
      layers: Object.entries(layers).map(([key, bytes]) => ({ key, bytes, isDone: done.includes(key) })),
    };
    super(whole, () => clock.ms);
    this.#clock = clock;
  }

  all(...events: BatchEvent[]): this {
    for (const event of events) this.note(event as CountedEvent);
    return this;
  }

  pass(ms: number): this {
    this.#clock.ms += ms;
    return this;
  }
}

describe('a tally', () => {
  const images = ['i1', 'i2', 'i3'];

  test('counts images and layers, and what is under way', () => {
    const counted = new Clocked({ images, layers: { b1: 60, b2: 40 } });
    counted.all(layerStarted('b1', 60), layerStarted('b2', 40)).advance('b1', 30);
    expect(counted.progress()).toMatchObject({
      images: { done: 0, failed: 0, total: 3 },
      layers: { done: 0, failed: 0, total: 2 },
      bytes: { done: 30, total: 100 },
      active: [
        { key: 'b1', label: 'images.tar aaaaaaaaaaaa', bytes: 30, totalBytes: 60 },
        { key: 'b2', bytes: 0, totalBytes: 40 },
      ],
    });
    counted.all(layerDone('b1', 60, 25), imageDone('i1'), imageFailed('i2', null));
    expect(counted.progress()).toMatchObject({
      images: { done: 1, failed: 1, total: 3 },
      layers: { done: 1, failed: 0, total: 2 },
      bytes: { done: 60, total: 100 },
      sentBytes: 25,
    });
  });

  test('counts nothing twice, and a failure only when it is the last word', () => {
    const counted = new Clocked({ images, layers: { b1: 50, b2: 50 } });
    counted.all(layerStarted('b1', 50), layerFailed('b1', 1000), imageFailed('i1', 1000));
    expect(counted.progress()).toMatchObject({ images: { failed: 0 }, layers: { failed: 0 }, active: [] });
    counted.all(layerStarted('b1', 50), layerDone('b1', 50), layerDone('b1', 50), imageDone('i1'), imageDone('i1'));
    expect(counted.progress()).toMatchObject({
      images: { done: 1, failed: 0 },
      layers: { done: 1 },
      bytes: { done: 50, total: 100 },
    });
    counted.all(imageFailed('i2', null), imageDone('i2'));
    expect(counted.progress().images).toEqual({ done: 2, failed: 0, total: 3 });
    counted.all(imageFailed('a destination', null));
    expect(counted.progress().images).toEqual({ done: 2, failed: 0, total: 3 });
  });

  test('knows the speed, and the time from bytes', () => {
    const counted = new Clocked({ layers: { b1: 5000, b2: 5000 } }).all(layerStarted('b1', 5000));
    expect(counted.progress()).toMatchObject({ bytesPerSecond: null, etaSeconds: null });
    counted.pass(1000).advance('b1', 1000);
    expect(counted.progress()).toMatchObject({ bytesPerSecond: 1000, etaSeconds: 9, elapsedSeconds: 1 });
    counted.pass(1000).advance('b1', 2000);
    expect(counted.progress()).toMatchObject({ bytesPerSecond: 1000, etaSeconds: 8 });
  });

  test('takes what was there already for no speed', () => {
    const counted = new Clocked({ layers: { b1: 1000, b2: 8000, b3: 1000 } }).all(layerStarted('b1', 1000));
    counted.progress();
    counted.pass(1000).all(layerDone('b1', 1000), layerStarted('b2', 8000), layerDone('b2', 8000, 0));
    expect(counted.progress()).toMatchObject({ bytes: { done: 9000 }, bytesPerSecond: 1000, etaSeconds: 1 });
  });

  test('waits for no bytes that will not come', () => {
    const counted = new Clocked({ layers: { b1: 60, b2: 40 } }).all(layerStarted('b1', 60), layerFailed('b1', null));
    counted.all(layerStarted('b2', 40), layerDone('b2', 40));
    expect(counted.progress()).toMatchObject({ bytes: { done: 40, total: 100 }, etaSeconds: 0, layers: { failed: 1 } });
  });

  test('goes on from what an earlier part of the run has done', () => {
    const resumed = new Clocked({ images, layers: { b1: 900, b2: 100 }, done: ['i1', 'b1'] });
    expect(resumed.progress()).toMatchObject({
      images: { done: 1, total: 3 },
      layers: { done: 1, total: 2 },
      bytes: { done: 900, total: 1000 },
    });
    resumed.all(layerDone('b1', 900));
    expect(resumed.progress().bytes).toEqual({ done: 900, total: 1000 });
  });

  test('takes sizes as they turn out to be', () => {
    const counted = new Clocked({ layers: { b1: 100, b2: 0 } }).all(layerStarted('b1', 100));
    counted.advance('b1', 150);
    expect(counted.progress().bytes).toEqual({ done: 100, total: 100 });
    counted.all(layerDone('b1', 170), layerStarted('b2', 0)).advance('b2', 30);
    expect(counted.progress()).toMatchObject({
      bytes: { done: 200, total: 200 },
      active: [{ bytes: 30, totalBytes: null }],
    });
  });
});

describe('how far a batch is', () => {
  test('is what an event says, and else what it was', () => {
    const begun = progressAfter(planned(300, 40, 1000), NO_PROGRESS);
    expect(begun).toMatchObject({ images: { total: 300 }, layers: { total: 40 }, bytes: { done: 0, total: 1000 } });
    expect(progressAfter(imageDone('i1'), begun)).toBe(begun);
    expect(progressAfter(ONE_OF_EACH.progress[0]!, begun)).toEqual(PROGRESS);
    expect(progressAfter(ONE_OF_EACH.finished[0]!, begun)).toEqual(PROGRESS);
  });
});
