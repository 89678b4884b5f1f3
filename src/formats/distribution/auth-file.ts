import * as v from 'valibot';
import { quoted } from '../../image/strict-json.ts';
import type { Credentials } from './access-types.ts';
import { badFile, checkContent, readIfThere } from './small-file.ts';

const TEXT = v.nullish(v.string());

const ENTRY = v.object({
  auth: TEXT,
  username: TEXT,
  password: TEXT,
  identitytoken: TEXT,
  registrytoken: TEXT,
});

const FILE = v.object({
  auths: v.nullish(v.record(v.string(), ENTRY), {}),
  credHelpers: v.nullish(v.record(v.string(), v.string()), {}),
  credsStore: TEXT,
});

/** What one file knows, under the keys as they are spelled in it. */
export interface AuthFile {
  path: string;
  /** Entries without a secret are left out: Docker writes them for what its helper keeps. */
  auths: ReadonlyMap<string, Credentials>;
  /** Host to the NAME of `docker-credential-NAME`. */
  helpers: ReadonlyMap<string, string>;
  /** The helper for all other hosts. */
  store: string | null;
}

/** Reads an `auth.json` or Docker's `config.json`; null when there is none. Throws INVALID_SETTING. */
export async function readAuthFile(path: string): Promise<AuthFile | null> {
  const text = await readIfThere(path);
  if (text === null) return null;
  const { auths, credHelpers, credsStore } = checkContent(FILE, parse(text, path), path);
  const known = new Map<string, Credentials>();
  for (const [key, entry] of Object.entries(auths)) {
    const credentials = credentialsOf(entry, key, path);
    if (credentials !== null) known.set(key, credentials);
  }
  return { path, auths: known, helpers: new Map(Object.entries(credHelpers)), store: credsStore || null };
}

function parse(text: string, path: string): unknown {
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own complaint quotes the text around the mistake.
    throw badFile(path, '', 'it is not valid JSON; check commas and quotes');
  }
}

function credentialsOf(entry: v.InferOutput<typeof ENTRY>, key: string, path: string): Credentials | null {
  if (entry.registrytoken) return { registryToken: entry.registrytoken };
  if (entry.identitytoken) return { identityToken: entry.identitytoken };
  if (entry.auth) return decodeAuth(entry.auth, key, path);
  return entry.username ? { username: entry.username, password: entry.password ?? '' } : null;
}

/** `base64(user:password)`; the password may have colons, and zeros behind it, which Docker once wrote. */
function decodeAuth(auth: string, key: string, path: string): Credentials {
  const text = /^[A-Za-z0-9+/]+={0,2}$/.test(auth.trim()) ? Buffer.from(auth, 'base64').toString() : '';
  const colon = text.indexOf(':');
  if (colon < 1) {
    throw badFile(
      path,
      `auths.${key}.auth`,
      `the auth of ${quoted(key)} is not the base64 of user:password; log in again`,
    );
  }
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') };
}
