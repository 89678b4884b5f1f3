import { describe, it } from 'vitest';
import type { OpenDriver } from '../../src/driver-suite/driver-lab.ts';
import { driverSuite as exportedSuite } from '../../src/driver-suite/suite.ts';
import { inlinePool } from '../support/test-store.ts';

/** What every driver promises, as users of the package run it. A test of its own adds what is peculiar to one. */
export function driverSuite(label: string, open: OpenDriver): void {
  exportedSuite(label, open, { describe, it }, inlinePool);
}
