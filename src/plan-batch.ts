import type { Batch } from './batch/batch.ts';
import type { PlanTotals } from './batch/events.ts';
import { type Estimate, estimate } from './batch/plan/estimate.ts';
import { makePlan } from './batch/plan/make-plan.ts';
import type { Plan } from './batch/plan/plan.ts';
import { totalsOf } from './batch/plan/totals.ts';
import { Destinations } from './batch/run/destinations.ts';
import { SourceShelf } from './batch/run/source-shelf.ts';
import { PackedLayers } from './coordinator/copy/packed-layers.ts';
import { loadSettings } from './config/load.ts';
import { type MigrateOptions, openTools } from './migrate.ts';

export interface PlannedBatch {
  plan: Plan;
  totals: PlanTotals;
  estimate: Estimate;
}

/**
 * Reads every manifest of a batch's sources and looks at its destinations, and says what a run would do and need. Nothing is
 * written, but for what is measured in a temporary directory. Throws INVALID_ARGUMENT, …, CANCELLED.
 */
export async function planBatch(
  batch: Batch,
  options: Omit<MigrateOptions, 'ledger' | 'trustLedger'> = {},
): Promise<PlannedBatch> {
  const settings = options.settings ?? (await loadSettings());
  await using opened = await openTools({ ...options, settings }, batch.limits);
  const { tools } = opened;
  const signal = options.signal ?? new AbortController().signal;
  const onWarning = options.onWarning ?? ((): void => undefined);
  const packed = new PackedLayers(tools.cache);
  const destinations = new Destinations({ tools, packed, resume: undefined, signal, onWarning });
  const shelf = new SourceShelf(tools, signal);
  try {
    const plan = await makePlan(batch, {
      tools,
      destinations,
      shelf,
      previous: null,
      foresees: true,
      signal,
      onWarning,
    });
    return {
      plan,
      totals: totalsOf(plan),
      estimate: await estimate(plan, tools.from, batch.limits.spoolBytes ?? settings.budgets.spoolBytes),
    };
  } finally {
    await destinations.closeAll();
    await shelf.close();
  }
}
