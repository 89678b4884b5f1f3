import { type ExecFileException, execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { engineError, hasCode } from '../errors/kinds.ts';
import { ISAL } from './isal.ts';
import { LIBDEFLATE } from './libdeflate.ts';
import { NO_KOFFI, NO_LIBRARY } from './native-library.ts';

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

const tested = new Map<NativeLibrary, Promise<TestedLibrary>>();

/**
 * The library, once it has passed its self-test in a child process: a library that is not what it was taken for may
 * crash, and must not take this process along. Tested once a process, or again after a failure, which may have been the
 * machine's. Throws LIBRARY_UNAVAILABLE.
 */
export function testedLibrary(name: NativeLibrary): Promise<TestedLibrary> {
  const known = tested.get(name);
  if (known !== undefined) return known;
  const outcome = test(name).catch((error: unknown) => {
    tested.delete(name);
    throw hasCode(error, 'LIBRARY_UNAVAILABLE') ? error : libraryUnavailable(name, 'failed', UNREADABLE, error);
  });
  tested.set(name, outcome);
  return outcome;
}

const UNREADABLE = 'cannot be told from what its self-test answered';

/** The error for a library that is not used, for this reason. */
export function libraryUnavailable(
  name: NativeLibrary,
  why: 'missing' | 'failed' | 'off',
  reason: string,
  cause?: unknown,
): Error {
  const { soname, debian } = LIBRARIES[name];
  const message = `gzip:${name} needs the library ${soname} (Debian: ${debian}), which ${reason}; plain gzip needs none`;
  return engineError('LIBRARY_UNAVAILABLE', message, { library: soname, package: debian, why }, cause);
}

async function test(name: NativeLibrary): Promise<TestedLibrary> {
  const { soname } = LIBRARIES[name];
  const { error, stdout } = await runChild(soname);
  if (error?.code === NO_KOFFI)
    throw libraryUnavailable(name, 'missing', 'is reached through the npm package koffi, which does not load', error);
  if (error?.code === NO_LIBRARY) throw libraryUnavailable(name, 'missing', 'is not installed or does not load', error);
  if (error !== null)
    throw libraryUnavailable(name, 'failed', `failed its self-test (${error.signal ?? error.code})`, error);
  // What a preloaded module printed comes before it.
  const { file } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as { file?: string };
  if (file === undefined) throw libraryUnavailable(name, 'failed', 'is loaded from nowhere');
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
