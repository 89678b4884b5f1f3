import { readFile } from 'node:fs/promises';
import { badArgument } from '../../errors/arguments.ts';
import { engineError } from '../../errors/kinds.ts';
import { findLedger } from '../ledger/find-ledger.ts';
import type { Ledger, LedgerEvent } from '../ledger/ledger.ts';
import { ledgerPath, openLedgerReadOnly } from '../ledger/open-ledger.ts';
import { batchReport } from './batch-report.ts';
import { decodeReport } from './decode-report.ts';
import type { BatchReport } from './report.ts';

/** Events that are read at once. */
const EVENTS = 10_000;

/**
 * The report of a ledger, of a job file with its ledger beside it, or one that was written as JSON before. Throws
 * FILE_NOT_FOUND, INVALID_ARGUMENT, LEDGER_INVALID, LEDGER_FORMAT_NEWER, LIBRARY_UNAVAILABLE.
 */
export async function openReport(path: string): Promise<BatchReport> {
  const ledger = await findLedger(path);
  if (ledger !== null) return reportOfLedger(ledger);
  const written = (await readFile(path, 'utf8')).trimStart().startsWith('{') ? await readJson(path) : null;
  if (written !== null && isReport(written)) return decodeReport(written, path);
  const beside = ledgerPath(path, '', process.env);
  const message = `${path} is neither a ledger nor a report, and as a job file it has no ledger ${beside}: it was not run yet, or its ledger is another file; name that`;
  throw engineError('FILE_NOT_FOUND', message, { path: beside });
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (error) {
    if (error instanceof SyntaxError) throw badArgument(path, `${path} begins as JSON, and is none; was it cut short?`);
    throw error;
  }
}

/** A job file is JSON too, and has none of these. */
function isReport(written: unknown): boolean {
  return typeof written === 'object' && written !== null && 'ledgers' in written && 'throughput' in written;
}

async function reportOfLedger(path: string): Promise<BatchReport> {
  await using ledger = await openLedgerReadOnly(path);
  const plan = await ledger.plan();
  const rows = await ledger.items();
  const events = await allEvents(ledger);
  return batchReport({ location: ledger.location, plan, rows, events, summary: await ledger.summary() });
}

async function allEvents(ledger: Ledger): Promise<LedgerEvent[]> {
  const events: LedgerEvent[] = [];
  for (let last = 0; ;) {
    const some = await ledger.events(last, EVENTS);
    if (some.length === 0) return events;
    for (const event of some) events.push(event);
    last = some.at(-1)!.number;
  }
}
