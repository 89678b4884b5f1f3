import type { Digest } from '../../identity/digest.ts';

/** A repository that has a blob. */
export interface BlobHome {
  /** `HOST/REPOSITORY`. */
  repository: string;
  /** Whether it lacked the blob until this run: others are likely to lack it too. */
  isNew: boolean;
}

/** Where in registries the blobs of a run are: whoever has put one says so, and other repositories need not be sent it. */
export class BlobHomes {
  readonly #homes = new Map<string, BlobHome>();
  readonly #refusing = new Set<string>();

  /** Undefined when nobody has said so. */
  of(host: string, digest: Digest): BlobHome | undefined {
    return this.#homes.get(`${host} ${digest}`);
  }

  note(host: string, digest: Digest, name: string, isNew: boolean): void {
    const key = `${host} ${digest}`;
    if (!this.#homes.has(key)) this.#homes.set(key, { repository: `${host}/${name}`, isNew });
  }

  /** A registry has not taken a blob over from one repository to another. */
  noteRefusal(host: string): void {
    this.#refusing.add(host);
  }

  refuses(host: string): boolean {
    return this.#refusing.has(host);
  }
}
