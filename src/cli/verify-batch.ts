import type { Batch } from '../batch/batch.ts';
import type { LedgerRow } from '../batch/ledger/ledger.ts';
import { openLedger, openLedgerReadOnly } from '../batch/ledger/open-ledger.ts';
import { fromLedger } from '../batch/run/ledger-plan.ts';
import { clearDamage } from '../batch/verify/clear-damage.ts';
import { expectedImages } from '../batch/verify/expected-image.ts';
import { repairKeys } from '../batch/verify/repair-keys.ts';
import type { ExpectedImage, VerifiedImage, VerifyLevel } from '../batch/verify/verified-image.ts';
import { verifyExpected } from '../batch/verify/verify.ts';
import { engineError } from '../errors/kinds.ts';
import type { JobWithAccess } from '../batch/job-file/read-job-file.ts';
import { counted } from '../reporting/counted.ts';
import { registriesFor } from '../formats/distribution/registries-of.ts';
import type { RegistryOptions } from '../formats/distribution/registry.ts';
import { type JobAccess, withAccess } from './batch-input.ts';
import { runBatchOf } from './batch-run.ts';
import { combineExitCodes, EXIT, type ExitCode } from './exit-codes.ts';
import { registryOptions, type TypedRegistryOptions } from './registry-options.ts';
import type { Session } from './session.ts';
import { tellVerified, trackVerify } from './verify-results.ts';

/** A batch that was run, by its ledger. */
export interface BatchToVerify {
  /** As it was named. */
  operand: string;
  ledger: string;
  level: VerifyLevel;
  /** Bring again what is damaged or gone. */
  repair: boolean;
}

/** Looks whether everything that a ledger says was brought is there; with `repair` what is not is brought again, and looked at. */
export async function verifyBatch(
  session: Session,
  { operand, ledger, level, repair }: BatchToVerify,
  typed: TypedRegistryOptions,
): Promise<ExitCode> {
  const { batch, rows } = await readLedger(ledger);
  const access = await accessOf(operand, ledger);
  const to = withAccess(registryOptions(typed, 'dest', session), access);
  const expected = expectedImages(rows);
  const missing = rows.filter(({ item, state }) => item.kind === 'image' && state !== 'done').length;
  if (missing > 0) session.progress.line(`${counted(missing, 'image')} of ${operand} did not arrive yet: run it again`);
  const look = (images: readonly ExpectedImage[]): Promise<{ code: ExitCode; bad: VerifiedImage[] }> =>
    lookAt(session, images, { operand, level, to });
  const first = await look(expected);
  const codes = missing > 0 ? [EXIT.mismatch] : [];
  if (!repair || first.bad.length === 0) return combineExitCodes([first.code, ...codes]);
  await reopen(session, ledger, first.bad, rows);
  const from = withAccess(registryOptions(typed, 'src', session), access);
  const again = { job: { batch }, file: null, parts: { from, to, cache: null } };
  const ran = await runBatchOf(session, again, { ledger, trustLedger: true });
  const bad = new Set(first.bad.map(({ key }) => key));
  const second = await look(expected.filter(({ key }) => bad.has(key)));
  if (second.bad.some(({ destination }) => destination.startsWith('docker:')))
    session.progress.line(
      'a registry keeps a blob that it has, whatever its bytes: remove it there, then repair again',
    );
  return combineExitCodes([ran, second.code]);
}

async function readLedger(path: string): Promise<{ batch: Batch; rows: LedgerRow[] }> {
  await using ledger = await openLedgerReadOnly(path);
  const plan = await ledger.plan();
  if (plan === null) throw engineError('LEDGER_INVALID', `${path} has no plan yet: nothing was run`, { path });
  return { batch: fromLedger(plan).batch, rows: await ledger.items() };
}

/** How a job file speaks to registries; a ledger says nothing of that. */
async function accessOf(operand: string, ledger: string): Promise<JobAccess> {
  if (operand === ledger) return {};
  const { readJobFile } = await import('../batch/job-file/read-job-file.ts');
  const { registries }: JobWithAccess = await readJobFile(operand, process.env);
  return registries;
}

async function lookAt(
  session: Session,
  images: readonly ExpectedImage[],
  { operand, level, to }: { operand: string; level: VerifyLevel; to: RegistryOptions },
): Promise<{ code: ExitCode; bad: VerifiedImage[] }> {
  const { formats } = await session.pipeline('now');
  const given = { ...formats, signal: session.signal };
  const registries = registriesFor(given, 'sink', to);
  const tracked = trackVerify(session, operand, { ...given, registries }, images.length);
  try {
    return await tellVerified(session, level, verifyExpected(images, level, tracked.context), tracked);
  } finally {
    tracked.finish();
    await registries.close();
  }
}

async function reopen(
  session: Session,
  path: string,
  bad: readonly VerifiedImage[],
  rows: readonly LedgerRow[],
): Promise<void> {
  for (const image of bad) await clearDamage(image);
  const { system } = await session.pipeline();
  await using ledger = await openLedger(path, { flock: (fd, mode) => system.lock(fd, mode) });
  await ledger.reopen(repairKeys(bad, rows));
}
