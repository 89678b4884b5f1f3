import { loadKoffi } from './koffi.ts';

/** How a process ends that cannot test a library; apart from the exit codes that Node has. */
export const NO_LIBRARY = 43;
export const NO_KOFFI = 44;

/** A C library of the system that is used when it is there. */
export interface LoadedLibrary {
  /** The function of a C prototype. Throws when the library has none of that name. */
  bind(prototype: string): NativeCall;
  /** Where the first byte of `bytes` is; it stays there as long as `bytes` does. */
  address(bytes: Uint8Array): bigint;
}

/** What it answers is a number, or for a pointer something that only other functions of the library understand. */
type NativeCall = (...args: unknown[]) => unknown;

/** Loaded libraries by file; koffi may unload one that nobody refers to, with its functions still bound. */
const loaded = new Map<string, LoadedLibrary>();

/** Throws when koffi or the library is missing or does not load. `file` is a path or a soname. */
export function loadLibrary(file: string): LoadedLibrary {
  const known = loaded.get(file);
  if (known !== undefined) return known;
  const koffi = loadKoffi();
  const library = koffi.load(file);
  const memcpy = koffi.load(null).func('uintptr_t memcpy(void *, const void *, size_t)');
  const made: LoadedLibrary = {
    bind: (prototype) => library.func(prototype) as NativeCall,
    // copies nothing and answers its first argument: koffi has no other way to tell
    address: (bytes) => BigInt(memcpy(bytes, bytes, 0) as number | bigint),
  };
  loaded.set(file, made);
  return made;
}
