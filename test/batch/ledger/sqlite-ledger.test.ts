import { openLedgerReadOnly } from '../../../src/batch/ledger/open-ledger.ts';
import { ledgerDirectory, openQuick } from '../../support/ledger-file.ts';
import { ledgerSuite } from '../../suites/ledger.ts';

ledgerSuite('the ledger in a SQLite file', async () => {
  const dir = ledgerDirectory();
  const path = dir.path('batch.ledger');
  const time = { nowMs: 1_700_000_000_000 };
  return {
    time,
    open: () => openQuick(path, () => time.nowMs),
    look: () => openLedgerReadOnly(path),
    remove: async () => dir[Symbol.dispose](),
  };
});
