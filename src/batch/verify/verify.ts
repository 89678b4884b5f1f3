import { asEngineError } from '../../errors/wire.ts';
import { registriesFor } from '../../formats/distribution/registries-of.ts';
import { openSource, parseLocation } from '../../formats/transports.ts';
import type { ImageSource } from '../../image/image-source.ts';
import { BlobChecks } from './blob-checks.ts';
import { resultOf } from './look-at.ts';
import {
  type ExpectedImage,
  toldError,
  type VerifiedImage,
  type VerifyContext,
  type VerifyLevel,
} from './verified-image.ts';
import { RegistryVerifier } from './verify-registry.ts';
import { refOf, verifySource } from './verify-source.ts';

/**
 * Looks whether images are where they should be, and what they should be; each distinct blob once for all of them. One that is
 * not stops nothing. Results come by destination, in the order of the list. Rejects with CANCELLED only.
 */
export async function* verifyExpected(
  expected: readonly ExpectedImage[],
  level: VerifyLevel,
  context: VerifyContext,
): AsyncGenerator<VerifiedImage> {
  await using checks = new BlobChecks(level, context);
  const verifier = registryVerifier(level, context, checks);
  try {
    for (const [destination, images] of byDestination(expected)) {
      if (isRegistry(destination)) yield* verifier.get().expected(destination, images);
      else yield* atPlace(destination, images, context, checks);
    }
  } finally {
    await verifier.close();
  }
}

/** As `verifyExpected`, for all that is in a place. Throws what keeps it from being read: FILE_NOT_FOUND, NOT_AN_IMAGE, …. */
export async function* verifyPlace(
  location: string,
  level: VerifyLevel,
  context: VerifyContext,
): AsyncGenerator<VerifiedImage> {
  await using checks = new BlobChecks(level, context);
  const verifier = registryVerifier(level, context, checks);
  try {
    if (isRegistry(location)) yield* verifier.get().everything(location);
    else yield* inSource(await open(location, context), null, { destination: location, context, checks });
  } finally {
    await verifier.close();
  }
}

function byDestination(expected: readonly ExpectedImage[]): Map<string, ExpectedImage[]> {
  const groups = new Map<string, ExpectedImage[]>();
  for (const image of expected) {
    const group = groups.get(image.destination) ?? [];
    group.push(image);
    groups.set(image.destination, group);
  }
  return groups;
}

function isRegistry(location: string): boolean {
  return location.startsWith('docker:');
}

async function* atPlace(
  destination: string,
  images: readonly ExpectedImage[],
  context: VerifyContext,
  checks: BlobChecks,
): AsyncGenerator<VerifiedImage> {
  let source: ImageSource;
  try {
    source = await open(destination, context);
  } catch (thrown) {
    const finding = { error: toldError(thrown), digest: null, place: destination };
    for (const image of images) {
      const { key, kind, names } = image;
      yield await resultOf(null, { key, kind, destination, ref: refOf(image), names }, [finding]);
    }
    return;
  }
  yield* inSource(source, images, { destination, context, checks });
}

interface Inside {
  destination: string;
  context: VerifyContext;
  checks: BlobChecks;
}

async function* inSource(
  source: ImageSource,
  images: readonly ExpectedImage[] | null,
  { destination, context, checks }: Inside,
): AsyncGenerator<VerifiedImage> {
  try {
    const asked = source.transport === 'dir' || parseLocation(destination).ref !== null;
    yield* verifySource(source, images, checks, { destination, asked });
    for (const warning of source.warnings ?? []) context.onWarning?.(warning);
  } finally {
    await checks.idle();
    await source.close();
  }
}

/** What refers to images costs nothing to find where they lie in files. */
function open(location: string, { formats }: VerifyContext): Promise<ImageSource> {
  return openSource(location, { ...formats, allFaults: true, referrers: true }).catch((thrown: unknown) => {
    throw asEngineError(thrown);
  });
}

/** Opened when a registry is first met; mirrors are not asked, for it is the registry itself that is looked at. */
function registryVerifier(
  level: VerifyLevel,
  context: VerifyContext,
  checks: BlobChecks,
): { get(): RegistryVerifier; close(): Promise<void> } {
  const { formats } = context;
  let verifier: RegistryVerifier | null = null;
  let close = (): Promise<void> => Promise.resolve();
  return {
    get: () => {
      if (verifier !== null) return verifier;
      const registries = formats.registries ?? registriesFor(formats, 'sink', formats.registry ?? {});
      if (formats.registries === undefined) close = () => registries.close();
      return (verifier = new RegistryVerifier(level, { ...context, registries }, checks));
    },
    close: async () => {
      await checks.idle();
      await close();
    },
  };
}
