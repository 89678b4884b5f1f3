import type { BatchReading } from '../../src/batch/report/batch-report.ts';
import type { Failure, ItemState, Json, LedgerEvent, LedgerRow, Stages } from '../../src/batch/ledger/ledger.ts';
import { type Digest, sha256Digest } from '../../src/identity/digest.ts';

/** When the first run of a made-up batch begins. */
const NOON: number = Date.UTC(2026, 4, 6, 12);

const digestOf = (number: number): Digest => sha256Digest(String(number));

interface RowFields {
  state?: ItemState;
  attempts?: number;
  failure?: Failure;
  /** Seconds after noon. */
  started?: number;
  ended?: number;
}

export interface LayerFields extends RowFields {
  size?: number;
  sent?: number;
  there?: boolean;
  stages?: Stages;
  image?: string;
  destination?: string;
}

export interface ImageFields extends RowFields {
  ref?: string;
  names?: string[];
  source?: number;
  destination?: string;
  kind?: 'image' | 'index' | 'artifact';
  layers: string[];
  place?: number | null;
  tags?: [string, ...string[]];
  warnings?: string[];
  changed?: boolean;
}

/** A ledger as it is read, made of what a test says about its items. */
export class MadeLedger {
  readonly rows: LedgerRow[] = [];
  readonly events: LedgerEvent[] = [];
  readonly sources: { location: string; entry: number; fingerprint: null }[] = [
    { location: 'docker-archive:/in/a.tar', entry: 0, fingerprint: null },
  ];
  location = '/jobs/batch.ledger';

  layer(key: string, fields: LayerFields = {}): this {
    const {
      size = 1_000_000,
      sent = size / 2,
      there = false,
      stages = {},
      image = '',
      destination = 'oci:/out',
    } = fields;
    const number = this.rows.length + 1;
    const data = {
      key,
      digest: digestOf(number),
      diffId: digestOf(number + 1e6),
      profile: 'gzip:zlib/1.3.1:l6:b1M',
      size,
    };
    const blob = { digest: digestOf(number + 2e6), size: sent, diffId: data.diffId };
    this.#add('blob', key, size, { ...data, destination, there, image, layer: 0 }, fields, {
      blob,
      sent,
      stages,
      data: null,
    });
    return this;
  }

  image(key: string, fields: ImageFields): this {
    const { ref = `${key}:1`, names = [ref], source = 0, destination = 'oci:/out', kind = 'image' } = fields;
    const { place = 0, tags = [] } = fields;
    const digest = digestOf(this.rows.length + 3e6);
    const planned = {
      key,
      kind,
      source,
      place,
      ref,
      names,
      only: tags[0] ?? null,
      additional: tags.slice(1).map((tag) => `x:${tag}`),
      destination,
      digest,
      configDigest: null,
      platform: 'linux/amd64',
    };
    const done = {
      kind,
      source: this.sources[source]!.location,
      ref,
      names,
      destination,
      platform: 'linux/amd64',
      sourceDigest: digest,
      digest: digestOf(this.rows.length + 4e6),
      layers: fields.layers.length,
      bytes: 500,
      changed: fields.changed ?? true,
      equality: 'diffids',
      warnings: fields.warnings ?? [],
    };
    const result = { blob: null, sent: 500, stages: { write: 10 }, data: done };
    this.#add('image', key, 500, { ...planned, blobs: fields.layers, needs: [] }, fields, result);
    return this;
  }

  /** An event so many seconds after noon. */
  event(type: LedgerEvent['type'], seconds: number, fields: Partial<LedgerEvent> = {}): this {
    const atMs = NOON + seconds * 1000;
    const number = this.events.length + 1;
    const usual = { number, key: null, kind: null, worker: 'w', attempt: 1, bytes: 0, failure: null };
    this.events.push({ ...usual, ...fields, atMs, type });
    return this;
  }

  reading(now = 3600): BatchReading {
    const sent = this.rows.reduce((sum, { result }) => sum + (result?.sent ?? 0), 0);
    const none = { items: 0, bytes: 0 };
    const states = { waiting: none, claimed: none, done: none, failed: none };
    return {
      location: this.location,
      plan: { id: 'p'.repeat(64), data: { sources: this.sources } },
      rows: this.rows,
      events: this.events,
      summary: {
        nowMs: NOON + now * 1000,
        counts: { blob: states, image: states, destination: states },
        sent,
        nextDueMs: null,
      },
    };
  }

  #add(
    kind: 'blob' | 'image',
    key: string,
    bytes: number,
    data: Json,
    { state = 'done', attempts = 1, failure, started = 0, ended = started + 1 }: RowFields,
    result: NonNullable<LedgerRow['result']>,
  ): void {
    const settled = state === 'done' || state === 'failed';
    this.rows.push({
      item: { key, kind, rank: this.rows.length, bytes, needs: [], blob: null, data },
      state,
      attempts,
      result: state === 'done' ? result : null,
      failure: failure ?? null,
      startedMs: state === 'waiting' && attempts === 0 ? null : NOON + started * 1000,
      endedMs: settled ? NOON + ended * 1000 : null,
    });
  }
}

/** A failure that may pass. */
export function failure(fields: Partial<Failure> = {}): Failure {
  return { class: 'passing', code: 'REGISTRY_UNAVAILABLE', message: 'r.example answers 503', details: null, ...fields };
}
