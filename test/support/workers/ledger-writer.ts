import { writeSync } from 'node:fs';
import { openLedger } from '../../../src/batch/ledger/open-ledger.ts';
import { flock } from '../ledger-file.ts';
import { longPlan, result } from '../ledger-items.ts';

/**
 * Works off a ledger until somebody kills it: `ledger-writer.ts PATH WORKER`. Prints `open`, then the key of each item when its
 * result is durable.
 */
const [path, worker] = process.argv.slice(2) as [string, string];
await using ledger = await openLedger(path, { flock, groupMs: 3 });
await ledger.open(longPlan());
writeSync(1, 'open\n');

const work = async (kind: 'blob' | 'image', turn: number): Promise<void> => {
  for (;;) {
    const claims = await ledger.claim(worker, [kind], 1 + (turn % 3), 60_000);
    if (claims.length === 0) return;
    for (const { token, item, attempt } of claims) {
      if (attempt === 1 && item.rank % 7 === 0) {
        const message = `worker ${worker} stumbles`;
        await ledger.fail(token, { class: 'passing', code: 'REMOTE_FAILED', message, details: null }, 0);
      } else {
        await ledger.complete(token, result(kind === 'blob' ? item.key : null, 1));
        writeSync(1, `${item.key}\n`);
      }
    }
  }
};

for (const kind of ['blob', 'image'] as const) {
  await Promise.all(Array.from({ length: 8 }, (_, turn) => work(kind, turn)));
}
