import { imageReference } from '../identity/reference.ts';
import type { Repositories } from '../image/v1-compat.ts';

/** A name taken apart: a repository, and a tag or digest in it. */
export interface TagName {
  repository: string;
  tag: string;
}

/** Image id → its names: the tag file read backwards, kept up with each change of it. */
export class NamesById {
  /** Id → name as text → name. */
  readonly #names = new Map<string, Map<string, TagName>>();

  constructor(repositories: Repositories) {
    for (const [repository, tags] of repositories) for (const [tag, id] of tags) this.#add(id, { repository, tag });
  }

  /** Learns what became of these names. */
  update(changed: readonly TagName[], before: Repositories, after: Repositories): void {
    for (const name of changed) {
      const old = idOf(before, name);
      if (old !== undefined) this.#remove(old, name);
    }
    for (const name of changed) {
      const id = idOf(after, name);
      if (id !== undefined) this.#add(id, name);
    }
  }

  of(id: string): TagName[] {
    return [...(this.#names.get(id)?.values() ?? [])];
  }

  /** The names of an image as text, sorted. */
  textsOf(id: string): string[] {
    return [...(this.#names.get(id)?.keys() ?? [])].sort();
  }

  ids(): Iterable<string> {
    return this.#names.keys();
  }

  #add(id: string, name: TagName): void {
    const text = textOf(name);
    const names = this.#names.get(id);
    if (names === undefined) this.#names.set(id, new Map([[text, name]]));
    else names.set(text, name);
  }

  #remove(id: string, name: TagName): void {
    const names = this.#names.get(id);
    names?.delete(textOf(name));
    if (names?.size === 0) this.#names.delete(id);
  }
}

/** The image that a name means; undefined when it means none. */
export function idOf(repositories: Repositories, { repository, tag }: TagName): string | undefined {
  return repositories.get(repository)?.get(tag);
}

export function textOf({ repository, tag }: TagName): string {
  return imageReference(repository, tag);
}
