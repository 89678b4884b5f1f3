import { hasCode } from '../../errors/kinds.ts';
import { asEngineError } from '../../errors/wire.ts';
import { onAbort } from '../../streams/abort.ts';
import type { BatchEvent } from '../events.ts';
import type { Claim, Failure, ItemKind, ItemResult, Ledger } from '../ledger/ledger.ts';
import type { Plan, PlannedBlob, PlannedImage } from '../plan/plan.ts';
import type { BatchTools } from '../tools.ts';
import { failureOf, retryAfterMs } from './failures.ts';
import type { DoneImage, ItemWork } from './item-work.ts';
import { LayerMeter } from './layer-meter.ts';
import type { PlannedDestination } from './ledger-plan.ts';
import { openThrottle, type Throttle } from './throttle.ts';

export interface BatchRunOptions {
  tools: BatchTools;
  ledger: Ledger;
  plan: Plan;
  work: ItemWork;
  signal: AbortSignal;
  emit: (event: EventBody) => void;
}

/** An event without its time. */
export type EventBody = BatchEvent extends infer Event ? (Event extends unknown ? Omit<Event, 'at'> : never) : never;

/** Something that is being done. */
interface Active {
  claim: Claim;
  meter: LayerMeter;
  /** False when all that is left is that the ledger knows: others need not wait for that. */
  isAtWork: boolean;
}

const LEASE_MS = 60_000;
const EXTEND_EVERY_MS = 20_000;
const DEFAULT_RETRIES = 3;
/** Images whose manifests are on their way, and destinations that are being finished, at once. */
const IMAGES_AT_ONCE = 32;
const DESTINATIONS_AT_ONCE = 4;
const WORKER = `${process.pid}`;

/**
 * Does what a ledger has to do: layers, largest first, images as soon as their layers are there, the ends of destinations. One
 * failure stops nothing else; what may pass is tried again later. When the signal aborts, what is under way is given back.
 */
export class BatchRun {
  readonly #options: BatchRunOptions;
  readonly #throttle: Throttle;
  readonly #active = new Map<string, Active>();
  /** Kinds of which there may be something to claim. */
  readonly #wanted = new Set<ItemKind>();
  readonly #stop = new AbortController();
  #isWoken = false;
  #waiter: () => void = () => {};
  #failed: Error | null = null;

  constructor(options: BatchRunOptions) {
    this.#options = options;
    const { limits } = options.plan.batch;
    this.#throttle = openThrottle(options.tools.to.pool, limits.jobs);
  }

  /** What is under way: how much of each layer has been read. */
  *active(): Generator<{ key: string; blob: PlannedBlob; bytes: number }> {
    for (const { claim, meter } of this.#active.values())
      if (claim.item.kind === 'blob')
        yield { key: claim.item.key, blob: claim.item.data as unknown as PlannedBlob, bytes: meter.done };
  }

  /** Resolves when all is settled, or everything under way has stopped after an abort. */
  async run(): Promise<void> {
    const { signal, ledger } = this.#options;
    const deafen = onAbort(signal, () => this.#stop.abort());
    const hear = onAbort(this.#stop.signal, () => this.#wake());
    const extending = setInterval(() => void this.#extend(), EXTEND_EVERY_MS);
    try {
      this.#wantAll();
      while (!this.#stop.signal.aborted) {
        await this.#fill();
        if (this.#active.size > 0) await this.#woken(1000);
        else if (!(await this.#wait(await ledger.summary()))) break;
      }
      while (this.#active.size > 0) await this.#woken(1000);
    } finally {
      clearInterval(extending);
      this.#throttle.close();
      deafen();
      hear();
    }
    if (this.#failed !== null) throw this.#failed;
  }

  /** Until something can be tried again; false when nothing is left. */
  async #wait({ nextDueMs, nowMs }: { nextDueMs: number | null; nowMs: number }): Promise<boolean> {
    if (nextDueMs === null) return false;
    if (nextDueMs > nowMs) await this.#woken(nextDueMs - nowMs);
    this.#wantAll();
    return true;
  }

  #wantAll(): void {
    for (const kind of ['destination', 'image', 'blob'] as const) this.#wanted.add(kind);
  }

  async #fill(): Promise<void> {
    this.#throttle.adapt(this.#count('blob'));
    for (const kind of this.#wanted) {
      const free = this.#limitOf(kind) - this.#count(kind);
      if (free <= 0) continue;
      const claims = await this.#options.ledger.claim(WORKER, [kind], free, LEASE_MS);
      if (claims.length < free) this.#wanted.delete(kind);
      for (const claim of claims) void this.#do(claim);
    }
  }

  #limitOf(kind: ItemKind): number {
    if (kind === 'blob') return this.#throttle.limit;
    return kind === 'image' ? IMAGES_AT_ONCE : DESTINATIONS_AT_ONCE;
  }

  #count(kind: ItemKind): number {
    return [...this.#active.values()].filter(({ claim, isAtWork }) => isAtWork && claim.item.kind === kind).length;
  }

  async #do(claim: Claim): Promise<void> {
    const active: Active = { claim, meter: new LayerMeter(), isAtWork: true };
    this.#active.set(claim.token, active);
    try {
      await this.#settle(active);
    } catch (error) {
      // Somebody else has it now, who tells what comes of it.
      if (!hasCode(error, 'LEASE_LOST')) this.#fail(error);
    } finally {
      this.#active.delete(claim.token);
      this.#wantAll();
      this.#wake();
    }
  }

  async #settle(active: Active): Promise<void> {
    const { ledger, emit } = this.#options;
    const { claim, meter } = active;
    let result: ItemResult;
    try {
      result = await this.#perform(claim, meter);
    } catch (error) {
      await this.#failItem(claim, error);
      return;
    }
    active.isAtWork = false;
    this.#wanted.add(claim.item.kind);
    this.#wake();
    const recorded = await ledger.complete(claim.token, result);
    emit(doneEvent(claim, recorded, meter));
  }

  async #perform(claim: Claim, meter: LayerMeter): Promise<ItemResult> {
    const { work, ledger, emit } = this.#options;
    if (claim.item.kind === 'image') return work.image(claim);
    if (claim.item.kind === 'blob') {
      const { key, digest, size, destination, image } = claim.item.data as unknown as PlannedBlob;
      emit({ type: 'layer-started', key, digest, bytes: size ?? 0, source: work.locationOf(image), destination });
      return work.blob(claim, meter);
    }
    const { result, fingerprint, images } = await work.destination(claim);
    const { location } = claim.item.data as unknown as PlannedDestination;
    // Written with the result, which waits for the disk: what goes wrong with it goes wrong with that.
    ledger.note(`destination ${location}`, { fingerprint, images }).catch(() => {});
    return result;
  }

  async #failItem(claim: Claim, thrown: unknown): Promise<void> {
    const { ledger, plan, work, emit } = this.#options;
    const { signal } = this.#stop;
    if (signal.aborted && asEngineError(thrown).kind === 'Cancelled') return ledger.release(claim.token);
    const failure = failureOf(thrown);
    const limits = { ...plan.batch.limits, ...work.entryOf(claim.item).limits };
    const retries = isInVain(claim) ? 0 : (limits.retries ?? DEFAULT_RETRIES);
    const retryIn = retryAfterMs(thrown, claim.attempt, retries);
    await ledger.fail(claim.token, failure, retryIn);
    emit(failedEvent(claim, failure, retryIn ?? null, plan));
    if (retryIn !== undefined || limits.abortOnError !== true) return;
    // Nobody comes to the image any more that would tell.
    if (claim.item.kind === 'blob') emit(imageFailedBy(claim, failure, plan));
    this.#stop.abort();
  }

  /** Nothing goes well without a ledger. */
  #fail(error: unknown): void {
    this.#failed ??= asEngineError(error);
    this.#stop.abort();
  }

  async #extend(): Promise<void> {
    const { ledger } = this.#options;
    await Promise.allSettled([...this.#active.keys()].map((token) => ledger.extend(token, LEASE_MS)));
  }

  /** Something has happened: whoever waits goes on, or the next one does not wait. */
  #wake(): void {
    this.#isWoken = true;
    this.#waiter();
  }

  async #woken(mostMs: number): Promise<void> {
    if (!this.#isWoken) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Math.min(mostMs, 2 ** 30));
        this.#waiter = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#isWoken = false;
  }
}

function doneEvent({ item }: Claim, { blob, sent, data }: ItemResult, { stages }: LayerMeter): EventBody {
  const { key } = item;
  if (item.kind === 'blob') {
    const { digest, size } = item.data as unknown as PlannedBlob;
    return { type: 'layer-done', key, digest, result: blob!.digest, bytes: size ?? blob!.size, sent, stages };
  }
  if (item.kind === 'destination') {
    const { location } = item.data as unknown as PlannedDestination;
    return { type: 'destination-done', destination: location, images: (data as { images: number }).images };
  }
  const { target: _target, artifact: _artifact, ...done } = data as unknown as DoneImage;
  return { type: 'image-done', key, ...done };
}

/** What refers to something that has failed has no second chance before that. */
function isInVain({ item, needs }: Claim): boolean {
  const isArtifact = item.kind === 'image' && (item.data as unknown as PlannedImage).kind === 'artifact';
  return isArtifact && needs.some(({ failure }) => failure !== null);
}

/** The image that a layer was for. */
function imageFailedBy({ item, attempt }: Claim, failure: Failure, { images, sources }: Plan): EventBody {
  const { image } = item.data as unknown as PlannedBlob;
  const { key, source, ref, destination } = images.find((planned) => planned.key === image)!;
  const { location } = sources[source]!;
  return { type: 'image-failed', key, source: location, ref, destination, attempt, failure, retryInMs: null };
}

function failedEvent({ item, attempt }: Claim, failure: Failure, retryInMs: number | null, plan: Plan): EventBody {
  const { key } = item;
  if (item.kind === 'blob') {
    const { digest } = item.data as unknown as PlannedBlob;
    return { type: 'layer-failed', key, digest, attempt, failure, retryInMs };
  }
  if (item.kind === 'destination') {
    const { location } = item.data as unknown as PlannedDestination;
    return { type: 'image-failed', key, source: '', ref: null, destination: location, attempt, failure, retryInMs };
  }
  const { source, ref, destination } = item.data as unknown as PlannedImage;
  const { location } = plan.sources[source]!;
  return { type: 'image-failed', key, source: location, ref, destination, attempt, failure, retryInMs };
}
