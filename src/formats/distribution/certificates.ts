import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { engineError } from '../../errors/kinds.ts';
import { errnoOf } from '../../errors/system-error.ts';
import { quoted } from '../../image/strict-json.ts';
import type { Endpoint } from './access-types.ts';
import { etcContainers, type Places, userContainers } from './places.ts';
import { badFile } from './small-file.ts';

/**
 * The certificates for a host: those in `asked`, else those in the first directory of the host that there is below a
 * `certs.d` (containers-certs.d(5)). `*.crt` are authorities, `*.cert` with `*.key` is who we are.
 * Throws INVALID_SETTING, and FILE_NOT_FOUND for a directory that was asked for.
 */
export async function readCertificates(host: string, places: Places, asked?: string): Promise<Endpoint['tls']> {
  if (asked !== undefined) {
    const found = await inDirectory(asked);
    if (found !== null) return found;
    throw engineError(
      'FILE_NOT_FOUND',
      `there is no directory ${quoted(asked)} of certificates; check --cert-dir, or certDir of a job file`,
      {
        path: asked,
      },
    );
  }
  for (const base of [userContainers(places), etcContainers(places), join(places.root, 'etc/docker')]) {
    const found = await inDirectory(join(base, 'certs.d', host));
    if (found !== null) return found;
  }
  return {};
}

/** Null when there is no such directory. */
async function inDirectory(directory: string): Promise<Endpoint['tls'] | null> {
  const names = await readdir(directory).catch((error: unknown) => {
    if (['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) return null;
    throw error;
  });
  if (names === null) return null;
  const ca: string[] = [];
  for (const name of names.filter((file) => file.endsWith('.crt')).toSorted())
    ca.push(await readPem(join(directory, name)));
  return { ...(ca.length === 0 ? {} : { ca }), ...(await clientPair(directory, names.toSorted())) };
}

async function clientPair(directory: string, names: string[]): Promise<{ cert?: string; key?: string }> {
  for (const name of names) checkPartner(directory, name, names);
  const first = names.find((name) => name.endsWith('.cert'));
  if (first === undefined) return {};
  const cert = join(directory, first);
  return { cert: await readPem(cert), key: await readPem(cert.replace(/cert$/, 'key')) };
}

function checkPartner(directory: string, name: string, names: readonly string[]): void {
  const [, stem, kind] = /^(.*)\.(cert|key)$/.exec(name) ?? [];
  if (stem === undefined) return;
  const partner = `${stem}.${kind === 'cert' ? 'key' : 'cert'}`;
  if (names.includes(partner)) return;
  const hint = kind === 'cert' ? '; authorities are in *.crt files' : '';
  throw badFile(join(directory, name), '', `its other half ${quoted(partner)} is missing${hint}`);
}

async function readPem(path: string): Promise<string> {
  const text = await readFile(path, 'utf8');
  if (text.includes('-----BEGIN ')) return text;
  throw badFile(path, '', 'it is not in PEM form (-----BEGIN …)');
}
