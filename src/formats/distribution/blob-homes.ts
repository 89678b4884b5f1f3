import type { Digest } from '../../identity/digest.ts';

/** Where in registries the blobs of a run are: whoever has put one says so, and other repositories need not be sent it. */
export class BlobHomes {
  readonly #names = new Map<string, string>();

  /** `HOST/REPOSITORY` of one that has it; undefined when nobody has said so. */
  of(host: string, digest: Digest): string | undefined {
    return this.#names.get(`${host} ${digest}`);
  }

  note(host: string, digest: Digest, repository: string): void {
    const key = `${host} ${digest}`;
    if (!this.#names.has(key)) this.#names.set(key, `${host}/${repository}`);
  }
}
