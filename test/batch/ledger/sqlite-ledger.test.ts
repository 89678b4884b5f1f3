import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLedger, openLedgerReadOnly } from '../../../src/batch/ledger/open-ledger.ts';
import { openSystem } from '../../../src/system/select.ts';
import { ledgerSuite } from '../../suites/ledger.ts';

ledgerSuite('the ledger in a SQLite file', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'layermill-ledger-'));
  const path = join(dir, 'batch.ledger');
  const time = { nowMs: 1_700_000_000_000 };
  const system = openSystem();
  const flock = (fd: number, mode: 'shared' | 'exclusive' | 'none'): number => system.lock(fd, mode);
  return {
    time,
    open: () => openLedger(path, { flock, clock: () => time.nowMs, groupMs: 0 }),
    look: () => openLedgerReadOnly(path),
    remove: async () => rmSync(dir, { recursive: true }),
  };
});
