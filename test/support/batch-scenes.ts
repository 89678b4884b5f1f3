import type { BatchReading } from '../../src/batch/report/batch-report.ts';
import type { Failure, LedgerRow } from '../../src/batch/ledger/ledger.ts';
import { MadeLedger, failure } from './batch-lab.ts';

/** What a made-up batch is like. */
export interface Scene {
  images: number;
  /** Layers that many images share, and how many each image has of them. */
  shared: number;
  /** Of every so many images one fails; 0 for none. */
  failEvery?: number;
  /** It was stopped half-way, and went on after so many seconds. */
  pause?: number;
  /** Only this part is done so far. */
  done?: number;
  destinations?: number;
}

const FAILURES: readonly Failure[] = [
  failure(),
  failure({ class: 'permanent', code: 'DIGEST_MISMATCH', message: 'blob sha256:9f… has another digest than its name' }),
  failure({ class: 'resource', code: 'NO_SPACE', message: 'no space left on /srv/out' }),
];

/** The reading of a ledger of such a batch: every image has two shared layers and one of its own; sizes look like real ones. */
export function sceneOf(scene: Scene): BatchReading {
  const made = new MadeLedger();
  const clock = new Clock(made, scene);
  for (let at = 0; at < Math.min(scene.shared, scene.images); at++)
    addLayer(made, clock, `shared-${at}`, 8e6 + 37e6 * (((at * 7) % 10) / 10), at % scene.images);
  for (let at = 0; at < scene.images; at++) addImage(made, clock, at, scene);
  return made.reading(clock.now + 5);
}

/** Hands out time: each piece of work takes some, and what comes after the done part is only planned. */
class Clock {
  now = 0;
  #used = 0;
  readonly #made: MadeLedger;
  readonly #scene: Scene;
  readonly #all: number;

  constructor(made: MadeLedger, scene: Scene) {
    this.#made = made;
    this.#scene = scene;
    this.#all = scene.shared + 2 * scene.images;
    made.event('opened', 0);
  }

  /** The state that an item is in, with its times. */
  work(
    key: string,
    kind: 'blob' | 'image',
    bytes: number,
    lost?: Failure,
  ): Pick<LedgerRow, 'state' | 'attempts' | 'failure'> & { started: number; ended: number } {
    const part = this.#used++ / this.#all;
    const { done = 1, pause } = this.#scene;
    if (part >= done)
      return {
        state: part < done + 1 / this.#all ? 'claimed' : 'waiting',
        attempts: part < done + 1 / this.#all ? 1 : 0,
        failure: null,
        started: this.now,
        ended: this.now,
      };
    if (pause !== undefined && part >= 0.5 && part - 1 / this.#all < 0.5)
      this.#made.event('opened', (this.now += pause));
    const started = this.now;
    this.now += 0.01 + bytes / 60e6;
    if (lost !== undefined) this.#made.event('retry', started + 0.001, { key, kind });
    this.#made.event(lost === undefined ? 'done' : 'failed', this.now, { key, kind, bytes: Math.round(bytes * 0.42) });
    return {
      state: lost === undefined ? 'done' : 'failed',
      attempts: lost === undefined ? 1 : 2,
      failure: lost ?? null,
      started,
      ended: this.now,
    };
  }
}

function addLayer(made: MadeLedger, clock: Clock, key: string, size: number, at: number, lost?: Failure): void {
  const { failure: why, ...fields } = clock.work(key, 'blob', size, lost);
  const ms = (size / 60e6) * 1000;
  const stages = {
    read: ms * 0.08,
    inflate: ms * 0.2,
    hash: ms * 0.16,
    compress: ms * 1.1,
    write: ms * 0.1,
    wait: ms * 0.05,
  };
  made.layer(key, {
    ...fields,
    ...(why === null ? {} : { failure: why }),
    size,
    sent: Math.round(size * 0.42),
    stages,
    image: nameOf(at),
  });
}

const nameOf = (at: number): string => `team-${at % 7}/service-${at}`;

function addImage(
  made: MadeLedger,
  clock: Clock,
  at: number,
  { failEvery = 0, shared, destinations = 1 }: Scene,
): void {
  const lost = failEvery > 0 && at % failEvery === failEvery - 1 ? FAILURES[Math.floor(at / failEvery) % 3] : undefined;
  addLayer(made, clock, `own-${at}`, 0.2e6 + 1.9e6 * ((at * 13) % 17), at, lost);
  const { failure: why, ...fields } = clock.work(nameOf(at), 'image', 2000, lost);
  const layers = [...new Set([`shared-${at % shared}`, `shared-${(at * at) % shared}`, `own-${at}`])];
  made.image(nameOf(at), {
    ...fields,
    ...(why === null ? {} : { failure: why }),
    ref: `${nameOf(at)}:1.${at % 5}`,
    destination:
      destinations === 1 ? 'oci:/out' : `docker://r${at % destinations}.example:5000/mirror/${nameOf(at)}:1.${at % 5}`,
    layers,
    warnings: at % 40 === 3 ? ['its config has no history for layer 2'] : [],
  });
}
