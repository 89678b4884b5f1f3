import { readFileSync } from 'node:fs';
import { requireObject, requireText } from '../errors/arguments.ts';
import { engineError, hasCode } from '../errors/kinds.ts';
import { digestHex, isDigest } from '../identity/digest.ts';
import { isShortId, truncateId } from '../identity/image-id.ts';
import {
  DEFAULT_TAG,
  familiarName,
  imageReference,
  parseRepositoryTag,
  validateReference,
  validateRepository,
} from '../identity/reference.ts';
import {
  decodeRepositories,
  encodeRepositories,
  repositoriesOf,
  tagsOf,
  type Repositories,
  type Tags,
} from '../image/v1-compat.ts';
import { cancelled, onAbort, throwIfAborted } from '../streams/abort.ts';
import { writeFileAtomic } from '../streams/atomic-file.ts';
import type { CallOptions } from './context.ts';
import { ABSENT, generationOf } from './generation.ts';
import type { Image } from './image.ts';
import { idOf, NamesById, type TagName, textOf } from './names-by-id.ts';

export { DEFAULT_TAG };

/** The tags of one repository: tag or digest → image id. */
export type Repository = ReadonlyMap<string, string>;

/** What the tag store needs of the graph. */
export interface TaggedGraph {
  /** An image by its id or a prefix of it. Throws IMAGE_NOT_FOUND, ID_AMBIGUOUS. */
  get(name: string, options?: CallOptions): Promise<Image>;
  /** Whether the image with exactly this id is there, as of the last look. */
  has(id: string): boolean;
  /** Runs `work` while no other process writes the store. */
  exclusive<Value>(work: () => Promise<Value>, signal?: AbortSignal): Promise<Value>;
  /** How often tags were changed, by whatever process; the second counts a change, under the lock. */
  tagChanges(): number;
  noteTagChange(): void;
  /** Told, under the lock, which names are about to mean something else. */
  forgetIndexes(names: readonly string[]): Promise<void>;
  readonly readOnly: boolean;
}

/** What a change made of the repositories, and the names that it gave or took away. */
interface Changed {
  repositories: Repositories;
  names: readonly TagName[];
}

/** A change, made under the store's lock to what the file says then, after those that share the write with it. */
type Change = (soFar: Changed) => Changed;

interface Pending {
  change: Change;
  resolve(): void;
  reject(error: unknown): void;
}

/**
 * Names for images, in Docker's file `repositories-<driver>`. Every change is made to what the file says at that moment,
 * under the store's lock, and is durable when its promise resolves; changes that arrive together share one write.
 */
export class TagStore {
  readonly path: string;
  readonly #graph: TaggedGraph;
  #repositories: Repositories = repositoriesOf();
  /** Null until somebody asks. */
  #names: NamesById | null = null;
  #generation = '';
  readonly #pending: Pending[] = [];
  #saving = false;
  /** Ends the wait for the store's lock. */
  #waiting: AbortController | null = null;

  private constructor(path: string, graph: TaggedGraph) {
    this.path = path;
    this.#graph = graph;
  }

  /** Opens the file, which is made when it is missing. Throws JSON_INVALID when it is damaged. */
  static async open(path: string, graph: TaggedGraph, options: CallOptions = {}): Promise<TagStore> {
    requireText(path, 'path');
    requireObject(graph, 'graph', ['get', 'exclusive']);
    throwIfAborted(options.signal);
    const store = new TagStore(path, graph);
    await store.reload();
    if (store.#generation === ABSENT && !graph.readOnly) await store.save(options);
    return store;
  }

  /** Every repository with its tags, as a copy. */
  get repositories(): Map<string, Map<string, string>> {
    this.#refresh();
    return new Map([...this.#repositories].map(([name, tags]) => [name, new Map(tags)]));
  }

  /**
   * Gives an image a name. `imageName` is an id, a prefix of one or another name. A tag that is there already is a
   * TAG_TAKEN conflict unless `force` is set, also when it names the same image. Throws INVALID_NAME, INVALID_TAG,
   * IMAGE_NOT_FOUND.
   */
  async set(
    repository: string,
    tag: string,
    imageName: string,
    force = false,
    options: CallOptions = {},
  ): Promise<void> {
    requireText(repository, 'repository');
    requireText(tag, 'tag');
    const image = await this.lookupImage(imageName, options);
    const reference = tag === '' ? DEFAULT_TAG : tag;
    const name = validateRepository(repository);
    validateReference(reference);
    await this.#change(({ repositories }) => {
      if (!this.#graph.has(image.id)) throw goneMeanwhile(image.id);
      const tags = repositories.get(name) ?? tagsOf();
      const old = tags.get(reference);
      if (old !== undefined && !force) throw tagTaken(name, reference, old);
      return {
        repositories: repositories.with(name, tags.with(reference, image.id)),
        names: [{ repository: name, tag: reference }],
      };
    }, options);
  }

  /** The tags of a repository as a copy, or null. */
  get(repository: string): Repository | null {
    requireText(repository, 'repository');
    const tags = this.#tags(repository);
    return tags === undefined ? null : new Map(tags);
  }

  /** The image of a repository by tag, digest, or an id of at least 12 characters; null when nothing has that name. */
  async getImage(repository: string, tagOrId: string, options: CallOptions = {}): Promise<Image | null> {
    requireText(tagOrId, 'tagOrId');
    requireText(repository, 'repository');
    const tags = this.#tags(repository);
    if (tags === undefined) return null;
    const exact = tags.get(tagOrId);
    if (exact !== undefined) return this.#graph.get(exact, options);
    if (!isShortId(tagOrId.slice(0, 12))) return null;
    const matches = [...new Set([...tags].map(([, id]) => id))].filter((id) => id.startsWith(tagOrId)).sort();
    if (matches.length > 1) throw ambiguous(tagOrId, matches);
    return matches[0] === undefined ? null : this.#graph.get(matches[0], options);
  }

  /**
   * The image with this name: `repository`, `repository:tag`, `repository@digest`, an id or a prefix of one. A tag whose
   * image has gone names nothing. Throws IMAGE_NOT_FOUND, ID_AMBIGUOUS.
   */
  async lookupImage(name: string, options: CallOptions = {}): Promise<Image> {
    requireText(name, 'name');
    const { repository, reference } = parseRepositoryTag(name);
    const tagged = await this.#tagged(repository, reference === '' ? DEFAULT_TAG : reference, options);
    // An id may be written as the digest that it is.
    return tagged ?? this.#graph.get(isDigest(name) ? digestHex(name) : name, options);
  }

  /**
   * Removes a tag, or with an empty one the whole repository. Throws TAG_NOT_FOUND. Answers true, as the original did
   * for what it removed.
   */
  async delete(repository: string, tag = '', options: CallOptions = {}): Promise<boolean> {
    requireText(repository, 'repository');
    requireText(tag, 'tag');
    await this.#change(({ repositories }) => {
      const name = storedName(repositories, repository);
      const tags = repositories.get(name);
      if (tags === undefined || (tag !== '' && !tags.has(tag))) throw tagNotFound(name, tag);
      if (tag !== '') return without(repositories, [{ repository: name, tag }]);
      const names = [...tags].map(([one]) => ({ repository: name, tag: one }));
      return { repositories: repositories.without(name), names };
    }, options);
    return true;
  }

  /** Removes every name of an image; answers them. */
  async deleteAll(id: string, options: CallOptions = {}): Promise<string[]> {
    requireText(id, 'id');
    let removed: readonly TagName[] = [];
    await this.#change(({ repositories, names }) => {
      // It had a name before this batch of changes, or one of them gave it.
      const known = new Map([...this.#byName().of(id), ...names].map((name) => [textOf(name), name]));
      const change = without(
        repositories,
        [...known.values()].filter((name) => idOf(repositories, name) === id),
      );
      removed = change.names;
      return change;
    }, options);
    return removed.map(textOf).sort();
  }

  /** Image id → its names, sorted. */
  byId(): Map<string, string[]> {
    this.#refresh();
    const names = this.#byName();
    return new Map([...names.ids()].map((id) => [id, names.textsOf(id)]));
  }

  /** The names of one image, sorted: what `byId` has for it. */
  namesOf(id: string): string[] {
    this.#refresh();
    return this.#byName().textsOf(id);
  }

  /** The first name of an image, or the short form of its id. */
  imageName(id: string): string {
    return this.namesOf(id)[0] ?? truncateId(id);
  }

  /** Reads the file again. Throws JSON_INVALID when it is damaged. */
  async reload(): Promise<void> {
    const generation = this.#now();
    this.#load(generation === ABSENT ? null : readFileSync(this.path));
    this.#generation = generation;
  }

  /** Writes the file again, with what it says now. */
  async save(options: CallOptions = {}): Promise<void> {
    await this.#change(({ repositories }) => ({ repositories, names: [] }), options);
  }

  async #tagged(repository: string, reference: string, options: CallOptions): Promise<Image | null> {
    try {
      return await this.getImage(repository, reference, options);
    } catch (error) {
      if (hasCode(error, 'IMAGE_NOT_FOUND')) return null;
      throw error;
    }
  }

  /** What another process wrote is seen before anything is answered. */
  #refresh(): void {
    const generation = this.#now();
    if (generation === this.#generation || generation === ABSENT) return;
    this.#load(readFileSync(this.path));
    this.#generation = generation;
  }

  #now(): string {
    return generationOf(this.path, this.#graph.tagChanges());
  }

  #load(raw: Buffer | null): void {
    this.#repositories = raw === null ? repositoriesOf() : decodeRepositories(raw);
    this.#names = null;
  }

  #tags(repository: string): Tags | undefined {
    this.#refresh();
    return this.#repositories.get(storedName(this.#repositories, repository));
  }

  #byName(): NamesById {
    return (this.#names ??= new NamesById(this.#repositories));
  }

  /** A change whose signal aborts is taken back as long as it waits; once it is being written it is made. */
  #change(change: Change, { signal }: CallOptions): Promise<void> {
    if (this.#graph.readOnly) {
      throw engineError('STORE_READ_ONLY', `${JSON.stringify(this.path)} is open for reading only`, {
        root: this.path,
      });
    }
    if (signal?.aborted === true) return Promise.reject(cancelled(signal));
    return new Promise<void>((resolve, reject) => {
      const pending = { change, resolve, reject };
      this.#pending.push(pending);
      const deafen = onAbort(signal, () => this.#takeBack(pending, signal));
      pending.resolve = () => (deafen(), resolve());
      pending.reject = (error) => (deafen(), reject(error));
      if (!this.#saving) void this.#saveAll();
    });
  }

  #takeBack(pending: Pending, signal: AbortSignal | undefined): void {
    const at = this.#pending.indexOf(pending);
    if (at < 0) return;
    this.#pending.splice(at, 1);
    pending.reject(cancelled(signal));
    // Nobody is left who would want the lock.
    if (this.#pending.length === 0) this.#waiting?.abort();
  }

  async #saveAll(): Promise<void> {
    this.#saving = true;
    try {
      while (this.#pending.length > 0) await this.#saveUnlessTakenBack();
    } catch (error) {
      for (const waiting of this.#pending.splice(0)) waiting.reject(error);
    } finally {
      this.#saving = false;
    }
  }

  async #saveUnlessTakenBack(): Promise<void> {
    const waiting = new AbortController();
    this.#waiting = waiting;
    try {
      await this.#graph.exclusive(() => this.#saveTogether(this.#pending.splice(0)), waiting.signal);
    } catch (error) {
      if (!waiting.signal.aborted) throw error;
    }
  }

  async #saveTogether(batch: Pending[]): Promise<void> {
    try {
      await this.#saveBatch(batch);
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
  }

  async #saveBatch(batch: Pending[]): Promise<void> {
    this.#refresh();
    const before = this.#repositories;
    let repositories = before;
    const names: TagName[] = [];
    const made = batch.filter(({ change, reject }) => {
      try {
        const changed = change({ repositories, names });
        repositories = changed.repositories;
        for (const name of changed.names) names.push(name);
        return true;
      } catch (error) {
        reject(error);
        return false;
      }
    });
    if (made.length === 0) return;
    // Before the names change: a stop in between leaves a name without its index, never one with another's.
    if (names.length > 0) await this.#graph.forgetIndexes(names.map(textOf));
    this.#graph.noteTagChange();
    await writeFileAtomic(this.path, encodeRepositories(repositories));
    this.#repositories = repositories;
    this.#names?.update(names, before, repositories);
    this.#generation = this.#now();
    for (const { resolve } of made) resolve();
  }
}

/** Takes names away, and repositories with their last one. */
function without(before: Repositories, names: readonly TagName[]): Changed {
  let repositories = before;
  for (const { repository, tag } of names) {
    const tags = repositories.get(repository)?.without(tag);
    if (tags === undefined) continue;
    repositories = tags.size === 0 ? repositories.without(repository) : repositories.with(repository, tags);
  }
  return { repositories, names };
}

/** Names are stored in familiar form; a file that Docker wrote may hold others, which are found as they are spelled. */
function storedName(repositories: Repositories, repository: string): string {
  return repositories.has(repository) ? repository : familiarName(repository);
}

function tagTaken(repository: string, tag: string, id: string): Error {
  return engineError(
    'TAG_TAKEN',
    `the tag ${imageReference(repository, tag)} is already set to image ${truncateId(id)}; use force to move it`,
    { repository, tag, id },
  );
}

function tagNotFound(repository: string, tag: string): Error {
  if (tag === '')
    return engineError('TAG_NOT_FOUND', `no such repository: ${JSON.stringify(repository)}`, { repository });
  return engineError('TAG_NOT_FOUND', `no such tag: ${JSON.stringify(imageReference(repository, tag))}`, {
    repository,
    tag,
  });
}

function goneMeanwhile(id: string): Error {
  return engineError('IMAGE_NOT_FOUND', `image ${truncateId(id)} was removed while it was to be named`, { name: id });
}

function ambiguous(prefix: string, matches: string[]): Error {
  return engineError('ID_AMBIGUOUS', `several images of the repository have ids that begin with ${prefix}`, {
    prefix,
    matches: matches.slice(0, 10),
  });
}
