import type { CopyDesk } from '../../coordinator/copy/copy-desk.ts';
import type { PackedLayers } from '../../coordinator/copy/packed-layers.ts';
import { openSink } from '../../formats/transports.ts';
import type { ImageSink } from '../../image/image-sink.ts';
import type { BatchEntry } from '../batch.ts';
import { termsOf } from '../terms.ts';
import type { BatchTools } from '../tools.ts';
import { Checkpoints } from './checkpoints.ts';

interface Destination {
  sink: Promise<ImageSink>;
  checkpoints: Checkpoints | null;
  /** By the way that images come to it: entries that say the same share one. */
  desks: Map<string, Promise<CopyDesk>>;
}

export interface DestinationsOptions {
  tools: BatchTools;
  packed: PackedLayers;
  /** What unfinished destinations are kept under; undefined for who only looks: another may be at them. */
  resume: string | undefined;
  signal: AbortSignal;
  onWarning: (message: string) => void;
}

/** The destinations of a batch, each opened when the first thing goes there. */
export class Destinations {
  readonly #options: DestinationsOptions;
  readonly #open = new Map<string, Destination>();

  constructor(options: DestinationsOptions) {
    this.#options = options;
  }

  sink(location: string, entry: BatchEntry): Promise<ImageSink> {
    return this.#at(location, entry).sink;
  }

  /** The desk for what an entry says. Throws what opening the destination throws, each time it is asked for. */
  async desk(location: string, entry: BatchEntry): Promise<CopyDesk> {
    const { desks, sink } = this.#at(location, entry);
    const { platforms, packing, format, preserveDigests, allow } = entry;
    const key = JSON.stringify([platforms, packing, format, preserveDigests, allow]);
    const known = desks.get(key);
    if (known !== undefined) return known;
    const { tools, packed, signal, onWarning } = this.#options;
    const options = { packed, signal, onWarning, spool: tools.to.spool };
    const opened = sink.then((open) => tools.coordinator.desk(termsOf(entry, open), options));
    desks.set(key, opened);
    opened.catch(() => desks.delete(key));
    return opened;
  }

  /** Makes what was put so far visible, where that can be before the end. */
  async checkpoint(location: string): Promise<void> {
    const destination = this.#open.get(location);
    if (destination === undefined) return;
    const sink = await destination.sink;
    if (sink.checkpoint === undefined) return;
    destination.checkpoints ??= new Checkpoints(() => sink.checkpoint!());
    await destination.checkpoints.next();
  }

  /** Makes all of it visible, and closes it. */
  async commit(location: string): Promise<void> {
    const sink = await this.#open.get(location)?.sink;
    await sink?.commit();
    await this.close(location);
  }

  /** What is unfinished stays for a later run. */
  async close(location: string): Promise<void> {
    const destination = this.#open.get(location);
    if (destination === undefined) return;
    this.#open.delete(location);
    for (const desk of destination.desks.values())
      await desk.then((open) => open[Symbol.asyncDispose]()).catch(() => {});
    await (await destination.sink.catch(() => null))?.close();
  }

  async closeAll(): Promise<void> {
    for (const location of this.#open.keys()) await this.close(location);
  }

  #at(location: string, { format }: BatchEntry): Destination {
    const known = this.#open.get(location);
    if (known !== undefined) return known;
    const { tools, resume, signal } = this.#options;
    const sink = openSink(location, { ...tools.to, signal }, { format, resume });
    const opened: Destination = { sink, checkpoints: null, desks: new Map() };
    this.#open.set(location, opened);
    // Who comes later tries again: a disk may have been mounted since.
    sink.catch(() => this.#open.delete(location));
    return opened;
  }
}
