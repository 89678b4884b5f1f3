import { engineError } from '../../errors/kinds.ts';
import type { Credentials } from './access-types.ts';
import { type AuthFile, readAuthFile } from './auth-file.ts';
import { entryOfHost, mostSpecific, serverOf } from './auth-keys.ts';
import { askHelper } from './credential-helper.ts';
import { KeptFor } from './kept-for.ts';
import { authFiles, type Places, setting } from './places.ts';

/** Long enough for a burst of requests; tokens of cloud registries are renewed by whoever wrote the file. */
const KEPT_MS = 5_000;

/** Looks credentials up in the files of the search order, or in one file and no other, and with the helpers they name. */
export class CredentialFiles {
  readonly #places: Places;
  readonly #chosen: string | undefined;
  readonly #files = new KeptFor<AuthFile | null>(KEPT_MS);
  readonly #answers = new KeptFor<Credentials | null>(KEPT_MS);

  constructor(places: Places, authFile: string | undefined) {
    this.#places = places;
    this.#chosen = authFile ?? setting(places.env, 'REGISTRY_AUTH_FILE');
  }

  /** Null when nobody knows any. */
  async find(host: string, name: string): Promise<Credentials | null> {
    for (const path of this.#chosen === undefined ? authFiles(this.#places) : [this.#chosen]) {
      const file = await this.#files.get(path, () => readAuthFile(path));
      if (file === null && path === this.#chosen) throw noSuchFile(path);
      const found = file === null ? null : await this.#inFile(file, host, name);
      if (found !== null) return found;
    }
    return null;
  }

  async #inFile(file: AuthFile, host: string, name: string): Promise<Credentials | null> {
    const own = entryOfHost(file.helpers, host);
    const ofHelper = own === null ? null : await this.#ask(file, own[1], own[0]);
    const known = ofHelper ?? mostSpecific(file.auths, host, name);
    if (known !== null || file.store === null) return known;
    return this.#ask(file, file.store, serverOf(host));
  }

  #ask({ path }: AuthFile, helper: string, server: string): Promise<Credentials | null> {
    const question = { helper, server, file: path, env: this.#places.env };
    return this.#answers.get(`${helper} ${server}`, () => askHelper(question));
  }
}

function noSuchFile(path: string): Error {
  return engineError(
    'FILE_NOT_FOUND',
    `there is no ${JSON.stringify(path)}, which --authfile, REGISTRY_AUTH_FILE or a job file names; log in first, or use --no-creds`,
    { path },
  );
}
