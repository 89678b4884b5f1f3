import { Option } from 'commander';
import { BlobChecks } from '../../batch/verify/blob-checks.ts';
import {
  VERIFY_LEVELS,
  type VerifiedImage,
  type VerifyContext,
  type VerifyLevel,
} from '../../batch/verify/verified-image.ts';
import { verifyStore } from '../../batch/verify/verify-store.ts';
import { verifyPlace } from '../../batch/verify/verify.ts';
import { findLedger } from '../../batch/ledger/find-ledger.ts';
import { badArgument } from '../../errors/arguments.ts';
import { engineError } from '../../errors/kinds.ts';
import type { Engine } from '../../engine.ts';
import { parseLocation } from '../../formats/transports.ts';
import { combineExitCodes, type ExitCode } from '../exit-codes.ts';
import { bareId } from '../lookup.ts';
import { addRegistryOptions, sideContext, type TypedRegistryOptions } from '../registry-options.ts';
import type { Session } from '../session.ts';
import { examples, type Verb } from '../verb.ts';
import { tellVerified, trackVerify } from '../verify-results.ts';

interface Options extends TypedRegistryOptions {
  level: VerifyLevel;
  repair?: boolean;
}

const STORE = 'store:';

export const verb: Verb = {
  define: (command) =>
    void addRegistryOptions(
      command
        .argument(
          '<place...>',
          'a layout, an archive, docker://HOST/NAME[:TAG], docker://HOST/PATH/; store: or names in it; the job file or ledger of a batch',
        )
        .addOption(new Option('--level <level>', 'how closely to look').choices(VERIFY_LEVELS).default('digests'))
        .option('--repair', 'of a batch: bring again what is damaged or gone, and look again'),
      ['src', 'dest'],
    ).addHelpText('after', OUTRO),

  run: async (session, operands, { level, repair = false, ...typed }: Options) => {
    const batches = await batchesIn(operands);
    const others = operands.filter((operand) => !batches.has(operand));
    const names = others.filter((operand) => !isPlace(operand));
    const places = others.filter(isPlace);
    if (repair && others.length > 0) throw onlyBatches(others[0]!);
    const codes: ExitCode[] = [];
    for (const [operand, ledger] of batches) {
      const { verifyBatch } = await import('../verify-batch.ts');
      codes.push(await verifyBatch(session, { operand, ledger, level, repair }, typed));
    }
    if (names.length > 0) codes.push(await inStore(session, namesAsked(names), level));
    if (places.length > 0) codes.push(await inPlaces(session, places, level, typed));
    return combineExitCodes(codes);
  },
};

const OUTRO = `
Levels: exists (names lead to manifests; of a registry one HEAD each), digests (manifests and configs are what their digests
say, and every blob is there with its size), full (every byte of every blob), diffids (every layer, unpacked).
Exit codes: 5 when something is not what it should be, 4 when it could not be looked at and that may pass.
${examples(
  ['A layout, byte for byte', 'layermill verify oci:layout --level full'],
  [
    'Everything below a path of a registry, without fetching layers',
    'layermill verify docker://registry.example/team/',
  ],
  ['What a batch has brought, and what is damaged brought again', 'layermill verify job.yaml --level full --repair'],
  ['All images of the store: each layer is made again', 'layermill verify store: --level diffids'],
)}`;

/** Those operands that are job files or ledgers, with their ledgers. */
async function batchesIn(operands: readonly string[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const operand of operands) {
    const ledger = isPlace(operand) ? null : await findLedger(operand);
    if (ledger === null && isBatchName(operand)) throw noLedger(operand);
    if (ledger !== null) found.set(operand, ledger);
  }
  return found;
}

function onlyBatches(operand: string): Error {
  const message = `--repair needs to know where images came from: name the job file or the ledger, not ${JSON.stringify(operand)}`;
  return badArgument('--repair', message);
}

/** Images have no such names: who writes one has run a batch. */
function isBatchName(operand: string): boolean {
  return !operand.includes(':') && /\.(ya?ml|json|ledger)$/.test(operand);
}

function noLedger(operand: string): Error {
  const message = `there is no ledger ${JSON.stringify(operand)}, and none beside a job file of that name: it was not run yet, or its ledger is another file; name that`;
  return engineError('FILE_NOT_FOUND', message, { path: operand });
}

/** `docker:dind` is an image of the store, as everywhere. */
function isPlace(operand: string): boolean {
  if (operand.startsWith(STORE) || (operand.startsWith('docker:') && !operand.startsWith('docker://'))) return false;
  return parseLocation(operand).transport !== null;
}

/** Null for all of them. */
function namesAsked(operands: readonly string[]): string[] | null {
  const names = operands.map((operand) => (operand.startsWith(STORE) ? operand.slice(STORE.length) : operand));
  return names.includes('') ? null : names.map(bareId);
}

async function inStore(session: Session, names: readonly string[] | null, level: VerifyLevel): Promise<ExitCode> {
  const engine = await session.engine();
  const tracked = trackVerify(session, STORE, engine.formats, names?.length);
  try {
    return (await tellVerified(session, level, storeResults(engine, names, level, tracked.context), tracked)).code;
  } finally {
    tracked.finish();
  }
}

async function* storeResults(
  engine: Engine,
  names: readonly string[] | null,
  level: VerifyLevel,
  context: VerifyContext,
): AsyncGenerator<VerifiedImage> {
  await using checks = new BlobChecks(level, context);
  yield* verifyStore(engine, names, level, context, checks);
}

async function inPlaces(
  session: Session,
  places: readonly string[],
  level: VerifyLevel,
  typed: TypedRegistryOptions,
): Promise<ExitCode> {
  const { formats } = await session.pipeline(level === 'full' || level === 'diffids' ? 'now' : 'with-first-task');
  const side = await sideContext({ ...formats, signal: session.signal }, typed, 'dest', { session, places });
  const codes: ExitCode[] = [];
  try {
    for (const place of places) codes.push(await inPlace(session, place, level, side.context));
  } finally {
    await side.registries?.close();
  }
  return combineExitCodes(codes);
}

/** A place that cannot be read at all does not keep the others from being looked at. */
async function inPlace(
  session: Session,
  place: string,
  level: VerifyLevel,
  formats: VerifyContext['formats'],
): Promise<ExitCode> {
  const tracked = trackVerify(session, place, formats);
  try {
    return (await tellVerified(session, level, verifyPlace(place, level, tracked.context), tracked)).code;
  } catch (error) {
    if (session.signal.aborted) throw error;
    return session.fail(error, { source: place, ref: null }, 'before');
  } finally {
    tracked.finish();
  }
}
