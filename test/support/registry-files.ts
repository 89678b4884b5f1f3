import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Places } from '../../src/formats/distribution/places.ts';

/** A machine of its own for what is said about registries: a home, an /etc and a PATH, all empty. */
export interface RegistryFiles {
  places: Places;
  /** Writes `etc/…`, `home/…`, `run/…` or `bin/…`; answers the path. Objects become JSON. */
  write(path: string, content: string | object): string;
  /** Puts `docker-credential-NAME` into PATH: a shell script. */
  helper(name: string, script: string): void;
  close(): Promise<void>;
}

export function openRegistryFiles(env: NodeJS.ProcessEnv = {}): RegistryFiles {
  const root = mkdtempSync(join(tmpdir(), 'layermill-registry-files-'));
  const home = join(root, 'home');
  const write = (path: string, content: string | object): string => {
    const to = join(root, path);
    mkdirSync(dirname(to), { recursive: true });
    writeFileSync(to, typeof content === 'string' ? content : JSON.stringify(content));
    return to;
  };
  return {
    places: { env: { PATH: `${join(root, 'bin')}:/usr/bin:/bin`, HOME: home, ...env }, home, root },
    write,
    helper: (name, script) => chmodSync(write(`bin/docker-credential-${name}`, `#!/bin/sh\n${script}\n`), 0o755),
    close: () => rm(root, { recursive: true, force: true }),
  };
}

/** `auth` of an auth.json. */
export function basic(username: string, password: string): { auth: string } {
  return { auth: Buffer.from(`${username}:${password}`).toString('base64') };
}
