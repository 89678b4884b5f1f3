import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Ledger } from '../../src/batch/ledger/ledger.ts';
import { openLedger } from '../../src/batch/ledger/open-ledger.ts';
import type { Flock } from '../../src/streams/lock-file.ts';
import { openSystem } from '../../src/system/select.ts';

const system = openSystem();

export const flock: Flock = (fd, mode) => system.lock(fd, mode);

/** Opens a ledger that waits for nobody. */
export function openQuick(path: string, clock: () => number = Date.now): Promise<Ledger> {
  return openLedger(path, { flock, clock, groupMs: 0 });
}

/** A directory for ledgers, which is removed with all that is in it. */
export function ledgerDirectory(): { path: (name: string) => string } & Disposable {
  const dir = mkdtempSync(join(tmpdir(), 'layermill-ledger-'));
  return { path: (name) => join(dir, name), [Symbol.dispose]: () => rmSync(dir, { recursive: true }) };
}
