import { PackedLayers } from '../../coordinator/copy/packed-layers.ts';
import { throwIfAborted } from '../../streams/abort.ts';
import type { Batch } from '../batch.ts';
import type { BatchEvent } from '../events.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { batchId, makePlan } from '../plan/make-plan.ts';
import type { Plan } from '../plan/plan.ts';
import { totalsOf } from '../plan/totals.ts';
import type { BatchTools } from '../tools.ts';
import { BatchRun, type EventBody } from './batch-run.ts';
import { checkDone } from './check-done.ts';
import { Destinations } from './destinations.ts';
import { ItemWork } from './item-work.ts';
import { fromLedger, toLedger } from './ledger-plan.ts';
import { ProgressTeller } from './progress-teller.ts';
import { SourceShelf } from './source-shelf.ts';

export interface RunOptions {
  tools: BatchTools;
  ledger: Ledger;
  signal: AbortSignal;
  /** Ask nobody about what the ledger calls done. */
  trustLedger?: boolean | undefined;
  emit: (event: BatchEvent) => void;
}

/**
 * Plans a batch, or goes on with the plan that its ledger has, and does what is not done. Resolves when all is settled or, after
 * an abort, when everything under way has stopped; what came of each image is in the ledger.
 */
export async function runBatch(batch: Batch, { tools, ledger, signal, trustLedger, emit }: RunOptions): Promise<void> {
  const tell = (event: EventBody): void => emit({ at: new Date().toISOString(), ...event } as BatchEvent);
  const onWarning = (message: string): void => tell({ type: 'warning', message });
  const packed = new PackedLayers(tools.cache);
  const resume = await resumeName(ledger, batch);
  const destinations = new Destinations({ tools, packed, resume, signal, onWarning });
  const shelf = new SourceShelf(tools, signal);
  try {
    const plan = await openPlan(batch, {
      tools,
      ledger,
      signal,
      trust: trustLedger === true,
      destinations,
      shelf,
      onWarning,
    });
    tell({ type: 'planned', ledger: ledger.location, totals: totalsOf(plan) });
    for (const { digest, profile, result } of await ledger.blobResults())
      if (profile !== 'keep') packed.recall(digest, result.diffId, profile, result);
    const work = new ItemWork({ plan, destinations, shelf, packed, signal });
    const there = await checkDone({ tools, ledger, plan, destinations, work, trust: trustLedger === true, signal });
    const teller = new ProgressTeller(plan, await ledger.items(), tell);
    for (const { image, done } of there) {
      const { target: _target, artifact: _artifact, ...told } = done;
      tell({ type: 'image-done', key: image.key, ...told, changed: false });
    }
    const run = new BatchRun({ tools, ledger, plan, work, signal, emit: (event) => teller.pass(event) });
    await teller.during(run);
    teller.finish(signal.aborted);
    throwIfAborted(signal);
  } finally {
    await destinations.closeAll();
    await shelf.close();
  }
}

/** What is unfinished is found again also when the job file has been changed since: its ledger is the same. */
async function resumeName(ledger: Ledger, batch: Batch): Promise<string> {
  const known = (await ledger.notes()).get('resume');
  if (typeof known === 'string') return known;
  const name = batchId(batch).slice(0, 12);
  await ledger.note('resume', name);
  return name;
}

interface OpenPlan {
  tools: BatchTools;
  ledger: Ledger;
  signal: AbortSignal;
  trust: boolean;
  destinations: Destinations;
  shelf: SourceShelf;
  onWarning: (message: string) => void;
}

/**
 * The plan that the ledger has where it is trusted, and knows what is in each source; else one that has been brought up to
 * date.
 */
async function openPlan(batch: Batch, { ledger, trust, ...options }: OpenPlan): Promise<Plan> {
  const known = await ledger.plan();
  const previous = known === null ? null : fromLedger(known);
  if (trust && previous?.id === batchId(batch) && previous.images.every(({ place }) => place !== null)) {
    await ledger.open(known!);
    return previous;
  }
  const plan = await makePlan(batch, { ...options, previous, foresees: false });
  await ledger.open(toLedger(plan));
  return plan;
}
