import { open, readFile } from 'node:fs/promises';
import { badArgument } from '../../errors/arguments.ts';
import { engineError, hasCode } from '../../errors/kinds.ts';
import type { Ledger, LedgerEvent } from '../ledger/ledger.ts';
import { ledgerPath, openLedgerReadOnly } from '../ledger/open-ledger.ts';
import { batchReport } from './batch-report.ts';
import { decodeReport } from './decode-report.ts';
import type { BatchReport } from './report.ts';

/** Begins every SQLite database (https://www.sqlite.org/fileformat2.html, section 1.3). */
const SQLITE = 'SQLite format 3\0';

/** Events that are read at once. */
const EVENTS = 10_000;

/**
 * The report of a ledger, of a job file with its ledger beside it, or one that was written as JSON before. Throws
 * FILE_NOT_FOUND, INVALID_ARGUMENT, LEDGER_INVALID, LEDGER_FORMAT_NEWER, LIBRARY_UNAVAILABLE.
 */
export async function openReport(path: string): Promise<BatchReport> {
  const start = await startOf(path);
  if (start === SQLITE) return reportOfLedger(path);
  const written = start.trimStart().startsWith('{') ? await readJson(path) : null;
  if (written !== null && isReport(written)) return decodeReport(written, path);
  const ledger = ledgerPath(path, '', process.env);
  try {
    return await reportOfLedger(ledger);
  } catch (error) {
    if (!hasCode(error, 'FILE_NOT_FOUND')) throw error;
    const message = `${path} is neither a ledger nor a report, and as a job file it has no ledger ${ledger}: it was not run yet, or its ledger is another file; name that`;
    throw engineError('FILE_NOT_FOUND', message, { path: ledger }, error);
  }
}

async function startOf(path: string): Promise<string> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(SQLITE.length), 0, SQLITE.length, 0);
    return buffer.toString('latin1', 0, bytesRead);
  } finally {
    await file.close();
  }
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
