import type { EngineError } from '../../errors/engine-error.ts';
import { engineError } from '../../errors/kinds.ts';
import { parseDockerDestination, pathOf } from '../../formats/distribution/docker-reference.ts';
import type { ManifestHead, Registries } from '../../formats/distribution/registry.ts';
import { openSource } from '../../formats/transports.ts';
import type { Digest } from '../../identity/digest.ts';
import { DEFAULT_TAG, imageReference, parseRepositoryTag } from '../../identity/reference.ts';
import { Budget } from '../../streams/byte-budget.ts';
import type { BlobChecks } from './blob-checks.ts';
import { type Look, lookAtAll, resultOf } from './look-at.ts';
import {
  type ExpectedImage,
  type Finding,
  toldError,
  type VerifiedImage,
  type VerifyContext,
  type VerifyLevel,
} from './verified-image.ts';
import { moved, refOf } from './verify-source.ts';

/** A tag of a repository, or a digest. */
interface Place {
  host: string;
  name: string;
  reference: string;
}

/** What one name in a registry turned out to lead to. */
interface Followed {
  head: ManifestHead | null;
  finding: Finding | null;
}

/** Looks at images in registries: each name is asked for by HEAD, and what is expected is then read by its digest. */
export class RegistryVerifier {
  readonly #level: VerifyLevel;
  readonly #context: VerifyContext & { registries: Registries };
  readonly #checks: BlobChecks;
  readonly #room: Budget;

  constructor(level: VerifyLevel, context: VerifyContext & { registries: Registries }, checks: BlobChecks) {
    [this.#level, this.#context, this.#checks] = [level, context, checks];
    this.#room = new Budget(context.jobs);
  }

  /** What is expected at one destination: results in its order. */
  async *expected(destination: string, images: readonly ExpectedImage[]): AsyncGenerator<VerifiedImage> {
    const withReferrers = images.some(({ kind }) => kind === 'artifact');
    const named = images.map((image) =>
      isUnnamed(image) ? null : this.#inRoom(() => this.#expectedImage(destination, image, withReferrers)),
    );
    for (const running of named) running?.catch(() => {});
    const looks = new Map<Digest, Look>();
    for (const running of named) {
      for (const look of (await running)?.looks ?? []) if (look.digest !== null) looks.set(look.digest, look);
    }
    for (const [at, image] of images.entries()) {
      const done = await named[at];
      const look = done == null ? memberOf(image, looks) : done.looks.find(({ digest }) => digest === image.digest);
      const found = done?.findings ?? this.#unnamed(image, look ?? null, destination);
      const about = { key: image.key, kind: image.kind, destination, names: image.names, ref: refOf(image) };
      const result = await resultOf(look ?? null, about, found);
      yield done == null || look !== undefined ? result : { ...result, digest: done.digest };
    }
  }

  /** All that a name, or every name below a path, leads to. */
  async *everything(destination: string): AsyncGenerator<VerifiedImage> {
    const running: Promise<VerifiedImage[]>[] = [];
    for await (const place of this.#placesIn(destination)) {
      const work = this.#inRoom(() => this.#whatIsAt(destination, place));
      work.catch(() => {});
      running.push(work);
    }
    for (const work of running) yield* await work;
  }

  async #inRoom<Value>(work: () => Promise<Value>): Promise<Value> {
    const leave = await this.#room.acquire(1, this.#context.formats.signal);
    try {
      return await work();
    } finally {
      leave();
    }
  }

  async #expectedImage(
    destination: string,
    image: ExpectedImage,
    referrers: boolean,
  ): Promise<{ looks: Look[]; findings: Finding[]; digest: Digest | null }> {
    const findings: Finding[] = [];
    const looks: Look[] = [];
    let digest: Digest | null = null;
    const read = new Set<string>();
    for (const place of placesOf(destination, image)) {
      const { head, finding } = await this.#follow(place, image.digest);
      if (finding !== null) findings.push(finding);
      digest ??= head?.digest ?? null;
      const reference = image.digest ?? place.reference;
      const key = `${place.host}/${place.name}@${reference}`;
      if (this.#level === 'exists' || read.has(key)) continue;
      read.add(key);
      const { looks: here, failure } = await this.#read({ ...place, reference }, referrers);
      looks.push(...here);
      // That a name leads nowhere was said already.
      const told = head === null && failure?.code === 'REMOTE_IMAGE_NOT_FOUND' && finding !== null;
      if (failure !== null && !told) findings.push({ error: failure, digest: image.digest, place: textOf(place) });
    }
    return { looks, findings, digest };
  }

  async #follow(place: Place, expected: Digest | null): Promise<Followed> {
    const at = (error: EngineError): Finding => ({ error, digest: expected, place: `${place.host}/${place.name}` });
    try {
      const repository = await this.#context.registries.repository(place.host, place.name);
      const head = await repository.headManifest(place.reference, this.#context.formats.signal);
      if (head === null) return { head, finding: at(notFound(place)) };
      if (expected === null || head.digest === expected) return { head, finding: null };
      return { head, finding: at(moved(textOf(place), expected, head.digest)) };
    } catch (error) {
      return { head: null, finding: at(toldError(error)) };
    }
  }

  async #read(place: Place, referrers: boolean): Promise<{ looks: Look[]; failure: EngineError | null }> {
    const { formats, registries } = this.#context;
    const source = await openSource(`docker://${textOf(place)}`, {
      ...formats,
      registries,
      referrers,
      allFaults: true,
    });
    try {
      const found = await lookAtAll(source, this.#checks);
      for (const warning of source.warnings ?? []) this.#context.onWarning?.(warning);
      // What the source has fetched goes when it is closed, so its blobs are looked at before.
      await Promise.all(found.looks.map(({ findings }) => findings));
      return found;
    } finally {
      await source.close();
    }
  }

  /** A member of an index, or an artifact, is read with what it belongs to. */
  #unnamed(image: ExpectedImage, look: Look | null, destination: string): Finding[] {
    if (look !== null || this.#level === 'exists') return [];
    const message = `${refOf(image)} is not among what the names of ${destination} lead to`;
    const error = engineError('IMAGE_NOT_FOUND', message, { name: refOf(image) });
    return [{ error, digest: image.digest, place: destination }];
  }

  async *#placesIn(destination: string): AsyncGenerator<Place> {
    const { registries, formats } = this.#context;
    const parsed = parseDockerDestination(destination.slice('docker:'.length));
    if ('reference' in parsed) {
      yield { host: parsed.host, name: parsed.name, reference: parsed.reference };
      return;
    }
    for await (const name of registries.catalog(parsed.host)) {
      if (!name.startsWith(parsed.prefix)) continue;
      const repository = await registries.repository(parsed.host, name);
      for await (const reference of repository.tags(formats.signal)) yield { host: parsed.host, name, reference };
    }
  }

  async #whatIsAt(destination: string, place: Place): Promise<VerifiedImage[]> {
    const ref = textOf(place);
    const { head, finding } = await this.#follow(place, null);
    const about = { key: null, kind: 'unknown', destination, ref, names: [ref] } as const;
    if (finding !== null) return [await resultOf(null, about, [finding])];
    if (this.#level === 'exists') return [{ ...(await resultOf(null, about)), digest: head?.digest ?? null }];
    const { looks, failure } = await this.#read(place, false);
    const results = looks.map(({ kind, ref: own, names, ...look }) =>
      resultOf({ kind, ref: own, names, ...look }, { key: null, kind, destination, ref: own, names }),
    );
    if (failure !== null) results.push(resultOf(null, about, [{ error: failure, digest: null, place: ref }]));
    return Promise.all(results);
  }
}

function memberOf({ digest }: ExpectedImage, looks: ReadonlyMap<Digest, Look>): Look | undefined {
  return digest === null ? undefined : looks.get(digest);
}

function isUnnamed({ names, tags }: ExpectedImage): boolean {
  return (tags ?? names).length === 0;
}

/** Where the names of an image are, by the rules of the sink: below a path each has its own repository. */
function placesOf(destination: string, { names, tags }: ExpectedImage): Place[] {
  const parsed = parseDockerDestination(destination.slice('docker:'.length));
  const { host } = parsed;
  if ('reference' in parsed) {
    const { name, tag, digest } = parsed;
    return (tags ?? [tag ?? digest ?? DEFAULT_TAG]).map((reference) => ({ host, name, reference }));
  }
  return names.map((name) => {
    const { reference } = parseRepositoryTag(name);
    return { host, name: `${parsed.prefix}${pathOf(name)}`, reference };
  });
}

function textOf({ host, name, reference }: Place): string {
  return imageReference(`${host}/${name}`, reference);
}

function notFound(place: Place): EngineError {
  const { host, name, reference } = place;
  return engineError('REMOTE_IMAGE_NOT_FOUND', `${textOf(place)} is not in its registry`, { host, name, reference });
}
