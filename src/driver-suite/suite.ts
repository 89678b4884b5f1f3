/** What every driver promises, to be run by any test runner: `layermill/driver-suite`. */
import { createThreadPool } from '../pool/thread-pool.ts';
import type { TaskPool } from '../tasks/task-pool.ts';
import { DriverLab, type OpenDriver } from './driver-lab.ts';
import { LAYER_PROMISES } from './layer-promises.ts';
import { STORE_PROMISES } from './store-promises.ts';

export type { Driver, DriverContext, StagedLayer, StageOptions } from '../drivers/driver.ts';
export type { OpenDriver };

/** The part of a test runner that is needed: vitest, jest, mocha and node:test have it. */
export interface SuiteRunner {
  describe(name: string, body: () => void): unknown;
  it(name: string, body: () => Promise<void>): unknown;
}

/**
 * Defines a test for each thing that a driver promises. A driver that passes can be given to `Graph.open`. Every test
 * opens it anew with `open`, in a temporary directory, and with the pool that `openPool` makes (one thread by default).
 */
export function driverSuite(
  label: string,
  open: OpenDriver,
  { describe, it }: SuiteRunner,
  openPool: () => TaskPool = () => createThreadPool({ threads: 1 }),
): void {
  describe(`driver ${label}`, () => {
    for (const [promise, isKept] of Object.entries({ ...LAYER_PROMISES, ...STORE_PROMISES })) {
      it(promise, async () => {
        await using lab = await DriverLab.create(open, openPool());
        await isKept(lab);
      });
    }
  });
}
