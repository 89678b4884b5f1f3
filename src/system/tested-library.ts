import { type ExecFileException, execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineError } from '../errors/kinds.ts';
import { ISAL } from './isal.ts';
import { LIBDEFLATE } from './libdeflate.ts';

/** Libraries of the system that pack faster than what comes with Node. */
export type NativeLibrary = 'libdeflate' | 'isal';

/** A library that did what is expected of it, in a process of its own. */
export interface TestedLibrary {
  /** The file that was tested, which is to be loaded. */
  file: string;
  /** Of the library, from the name of its file; else the soname's with eight digits of the file's SHA-256. */
  version: string;
}

const LIBRARIES: Record<NativeLibrary, { soname: string; debian: string }> = {
  libdeflate: { soname: LIBDEFLATE, debian: 'libdeflate0' },
  isal: { soname: ISAL, debian: 'libisal2' },
};

/** It takes a fifth of a second; an overloaded machine is given time. */
const TIMEOUT_MS = 30_000;
/** The child's exit code for a library that cannot be loaded. */
const MISSING = 3;

const tested = new Map<NativeLibrary, Promise<TestedLibrary>>();

/**
 * The library, once it has passed its self-test in a child process: a library that is not what it was taken for may
 * crash, and must not take this process along. Tested once a process. Throws LIBRARY_UNAVAILABLE.
 */
export function testedLibrary(name: NativeLibrary): Promise<TestedLibrary> {
  let outcome = tested.get(name);
  if (outcome === undefined) {
    outcome = test(name);
    tested.set(name, outcome);
  }
  return outcome;
}

/** The error for a library that is not used, for this reason. */
export function libraryUnavailable(name: NativeLibrary, reason: string, cause?: unknown): Error {
  const { soname, debian } = LIBRARIES[name];
  const message = `gzip:${name} needs the library ${soname} (Debian: ${debian}), which ${reason}; plain gzip needs none`;
  return engineError('LIBRARY_UNAVAILABLE', message, { library: soname, package: debian }, cause);
}

async function test(name: NativeLibrary): Promise<TestedLibrary> {
  const { soname } = LIBRARIES[name];
  const { error, stdout } = await runChild(soname);
  if (error?.code === MISSING) throw libraryUnavailable(name, 'is not installed or does not load', error);
  if (error !== null) throw libraryUnavailable(name, `failed its self-test (${error.signal ?? error.code})`, error);
  const { file } = JSON.parse(stdout) as { file?: string };
  if (file === undefined) throw libraryUnavailable(name, 'is loaded from nowhere');
  return { file, version: await versionOf(file) };
}

function runChild(soname: string): Promise<{ error: ExecFileException | null; stdout: string }> {
  const name = import.meta.url.endsWith('.ts') ? 'library-child.dev.mjs' : 'library-child.js';
  // From the room beside it, too: the program is one file in there.
  const child = fileURLToPath(new URL(`../system/${name}`, import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [child, soname], { timeout: TIMEOUT_MS, killSignal: 'SIGKILL' }, (error, stdout) =>
      resolve({ error, stdout }),
    );
  });
}

/** `libisal.so.2.0.30` is 2.30. */
async function versionOf(file: string): Promise<string> {
  const [, major, minor] = /\.so\.(\d+)\.0\.(\d+)$/.exec(file) ?? [];
  if (major !== undefined && minor !== undefined) return `${major}.${minor}`;
  const hash = createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
  return `${basename(file).replace(/^.*?\.so/, 'so')}-${hash.slice(0, 8)}`;
}
