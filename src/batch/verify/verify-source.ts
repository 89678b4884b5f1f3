import type { EngineError } from '../../errors/engine-error.ts';
import { engineError } from '../../errors/kinds.ts';
import type { ImageSource } from '../../image/image-source.ts';
import { quoted } from '../../image/strict-json.ts';
import type { BlobChecks } from './blob-checks.ts';
import { type Look, lookAtAll, resultOf } from './look-at.ts';
import type { ExpectedImage, Finding, VerifiedImage } from './verified-image.ts';

/**
 * Looks at everything in a source, or at what is expected to be in it: results in the order of what is expected, else of the
 * source. The source is to be opened with `allFaults`. `asked` says that its location names one thing in it, or that it holds
 * one: names are then not compared. Throws what kept the source from being read, where nothing was expected.
 */
export async function* verifySource(
  source: ImageSource,
  expected: readonly ExpectedImage[] | null,
  checks: BlobChecks,
  { destination, asked }: { destination: string; asked: boolean },
): AsyncGenerator<VerifiedImage> {
  const { looks, failure } = await lookAtAll(source, checks);
  if (expected === null) {
    if (failure !== null && looks.length === 0) throw failure;
    for (const look of looks) yield await resultOf(look, { key: null, destination, ...namedBy(look) });
    if (failure !== null) yield await failedResult(destination, failure);
    return;
  }
  const here = new Here(looks, asked);
  // What has no manifests told of one only while it was written.
  const hasManifests = looks.some(({ digest }) => digest !== null);
  for (const wanted of expected) {
    const image = hasManifests ? wanted : { ...wanted, digest: null };
    const about = { key: image.key, kind: image.kind, destination, names: image.names, ref: refOf(image) };
    const look = here.find(image);
    const found = here
      .misled(image, look)
      .map((error): Finding => ({ error, digest: wanted.digest, place: source.location }));
    if (look === null && isKnown(image)) {
      const error = failure ?? missing(image, source.location);
      found.push({ error, digest: wanted.digest, place: source.location });
    }
    yield await resultOf(look, about, found);
  }
}

/** What a source has, by what is expected of it. */
class Here {
  readonly #asked: boolean;
  readonly #byDigest = new Map<string, Look>();
  readonly #byConfig = new Map<string, Look>();
  readonly #byName = new Map<string, Look>();
  /** What the location itself leads to: an index comes after its images. */
  readonly #top: Look | null;

  constructor(looks: readonly Look[], asked: boolean) {
    this.#asked = asked;
    for (const look of looks) {
      if (look.digest !== null && !this.#byDigest.has(look.digest)) this.#byDigest.set(look.digest, look);
      if (look.configDigest !== null) this.#byConfig.set(look.configDigest, look);
      for (const name of look.names) this.#byName.set(name, look);
    }
    this.#top = looks.findLast(({ isTop }) => isTop) ?? null;
  }

  find({ digest, configDigest = null, names }: ExpectedImage): Look | null {
    if (digest !== null) return this.#byDigest.get(digest) ?? null;
    if (configDigest !== null) return this.#byConfig.get(configDigest) ?? null;
    if (this.#asked) return this.#top;
    return names.map((name) => this.#byName.get(name)).find((look) => look !== undefined) ?? null;
  }

  /** Names that lead elsewhere, or, where the image is here all the same, nowhere. */
  misled(image: ExpectedImage, look: Look | null): EngineError[] {
    const { names } = image;
    return names.slice(0, this.#asked ? 1 : names.length).flatMap((name) => {
      const led = this.#asked ? this.#top : (this.#byName.get(name) ?? null);
      if (led === look || (led === null && look === null)) return [];
      return [moved(name, nameOf(image), led === null ? null : nameOf(led))];
    });
  }
}

/** The error of a name that leads somewhere else than it should; `actual` is null when it leads nowhere. */
export function moved(name: string, expected: string, actual: string | null): EngineError {
  const now = actual === null ? 'nothing has the name any more' : `it leads to ${actual}`;
  return engineError('TAG_MOVED', `${quoted(name)} should lead to ${expected}, but ${now}`, { name, expected, actual });
}

/** What tells it from all others there. */
function nameOf({ digest, configDigest, names }: Pick<ExpectedImage, 'digest' | 'configDigest' | 'names'>): string {
  return digest ?? configDigest ?? names[0] ?? '';
}

/** One without name, manifest and known config cannot be told from others. */
function isKnown(image: ExpectedImage): boolean {
  return nameOf(image) !== '';
}

/** How messages call what is expected. */
export function refOf({ names, digest }: Pick<ExpectedImage, 'names' | 'digest'>): string {
  return names[0] ?? digest ?? '';
}

function missing(image: ExpectedImage, location: string): EngineError {
  const name = refOf(image);
  const digest = image.digest === null || image.digest === name ? '' : ` (${image.digest})`;
  return engineError('IMAGE_NOT_FOUND', `${quoted(name)}${digest} is not in ${quoted(location)}`, { name });
}

function namedBy({ kind, ref, names }: Look): Pick<Look, 'kind' | 'ref' | 'names'> {
  return { kind, ref, names };
}

/** The rest of a source that could not be read to its end. */
function failedResult(destination: string, error: EngineError): Promise<VerifiedImage> {
  const about = { key: null, kind: 'unknown', destination, ref: destination, names: [] } as const;
  return resultOf(null, about, [{ error, digest: null, place: destination }]);
}
