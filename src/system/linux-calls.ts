import type * as Koffi from 'koffi';
import type { EngineError } from '../errors/engine-error.ts';
import { engineError } from '../errors/kinds.ts';
import { EINTR, EIO } from './errno.ts';
import { loadKoffi } from './koffi.ts';
import { bindResumableSha256, type ResumableSha256 } from './resumable-sha256.ts';

/** A C string or struct in memory. */
type Pointer = Uint8Array | Int32Array;

/**
 * The C functions that node has no equal for. Each answers its result or a negative errno, taken right after the
 * call; what a signal interrupted is called again.
 */
export interface LinuxCalls {
  openat(fd: number, path: Pointer, flags: number, mode: number): number;
  /** `how` is a struct open_how. */
  openat2(fd: number, path: Pointer, how: Pointer): number;
  /** Closed afterwards whatever the answer. */
  close(fd: number): number;
  write(fd: number, bytes: Pointer, count: number): number;
  ftruncate(fd: number, size: number): number;
  statx(fd: number, path: Pointer, flags: number, mask: number, result: Pointer): number;
  futimens(fd: number, times: Pointer): number;
  utimensat(fd: number, path: Pointer, times: Pointer, flags: number): number;
  fchmod(fd: number, mode: number): number;
  fchmodat(fd: number, path: Pointer, mode: number, flags: number): number;
  fchown(fd: number, uid: number, gid: number): number;
  fchownat(fd: number, path: Pointer, uid: number, gid: number, flags: number): number;
  mkdirat(fd: number, path: Pointer, mode: number): number;
  symlinkat(target: Pointer, fd: number, path: Pointer): number;
  linkat(fromFd: number, from: Pointer, toFd: number, to: Pointer, flags: number): number;
  mknodat(fd: number, path: Pointer, mode: number, device: number): number;
  unlinkat(fd: number, path: Pointer, flags: number): number;
  renameat(fromFd: number, from: Pointer, toFd: number, to: Pointer): number;
  readlinkat(fd: number, path: Pointer, result: Pointer, size: number): number;
  setxattr(path: Pointer, key: Pointer, value: Pointer, size: number, flags: number): number;
  lsetxattr(path: Pointer, key: Pointer, value: Pointer, size: number, flags: number): number;
  getxattr(path: Pointer, key: Pointer, result: Pointer, size: number): number;
  lgetxattr(path: Pointer, key: Pointer, result: Pointer, size: number): number;
  listxattr(path: Pointer, result: Pointer, size: number): number;
  llistxattr(path: Pointer, result: Pointer, size: number): number;
  removexattr(path: Pointer, key: Pointer): number;
  lremovexattr(path: Pointer, key: Pointer): number;
  syncfs(fd: number): Promise<number>;
  flock(fd: number, operation: number): number;
  mount(source: string, target: string, type: string, flags: number, data: string): number;
  umount2(target: string, flags: number): number;
  unshare(flags: number): number;
  umask(mask: number): number;
  /** Of the OpenSSL that lies in the same program; bound when it is asked for. */
  sha256(): ResumableSha256 | null;
}

/** openat2 and statx by number: a C library may be older than they are. Other processors take the portable way. */
const NUMBERS: Partial<Record<NodeJS.Architecture, { openat2: number; statx: number }>> = {
  x64: { openat2: 437, statx: 332 },
  arm64: { openat2: 437, statx: 291 },
};

/**
 * The prototypes. `openat` has its mode spelled out: on these two processors Linux passes the arguments of variadic
 * functions in the same registers. A C `long` is 64 bits.
 */
const PROTOTYPES = {
  openat: 'int openat(int, const void *, int, uint32_t)',
  write: 'int64_t write(int, const void *, uint64_t)',
  ftruncate: 'int ftruncate(int, int64_t)',
  futimens: 'int futimens(int, const void *)',
  utimensat: 'int utimensat(int, const void *, const void *, int)',
  fchmod: 'int fchmod(int, uint32_t)',
  fchmodat: 'int fchmodat(int, const void *, uint32_t, int)',
  fchown: 'int fchown(int, uint32_t, uint32_t)',
  fchownat: 'int fchownat(int, const void *, uint32_t, uint32_t, int)',
  mkdirat: 'int mkdirat(int, const void *, uint32_t)',
  symlinkat: 'int symlinkat(const void *, int, const void *)',
  linkat: 'int linkat(int, const void *, int, const void *, int)',
  mknodat: 'int mknodat(int, const void *, uint32_t, uint64_t)',
  unlinkat: 'int unlinkat(int, const void *, int)',
  renameat: 'int renameat(int, const void *, int, const void *)',
  readlinkat: 'int64_t readlinkat(int, const void *, void *, uint64_t)',
  setxattr: 'int setxattr(const void *, const void *, const void *, uint64_t, int)',
  lsetxattr: 'int lsetxattr(const void *, const void *, const void *, uint64_t, int)',
  getxattr: 'int64_t getxattr(const void *, const void *, void *, uint64_t)',
  lgetxattr: 'int64_t lgetxattr(const void *, const void *, void *, uint64_t)',
  listxattr: 'int64_t listxattr(const void *, void *, uint64_t)',
  llistxattr: 'int64_t llistxattr(const void *, void *, uint64_t)',
  removexattr: 'int removexattr(const void *, const void *)',
  lremovexattr: 'int lremovexattr(const void *, const void *)',
  flock: 'int flock(int, int)',
  mount: 'int mount(str, str, str, uint64_t, str)',
  umount2: 'int umount2(str, int)',
  unshare: 'int unshare(int)',
  umask: 'uint32_t umask(uint32_t)',
} as const;

const OPENAT2 = 'int64_t syscall(int64_t, int64_t, const void *, const void *, int64_t)';
const STATX = 'int64_t syscall(int64_t, int64_t, const void *, int64_t, int64_t, void *)';

type Argument = number | string | Pointer;
/** A bound function of up to six arguments: fixed parameters spare the hot path an array a call. */
type Call = (a: Argument, b?: Argument, c?: Argument, d?: Argument, e?: Argument, f?: Argument) => number;

/** Binds the functions. Throws UNSUPPORTED_PLATFORM on another system or processor, and where koffi is missing. */
export function loadLinuxCalls(): LinuxCalls {
  const numbers = process.platform === 'linux' ? NUMBERS[process.arch] : undefined;
  if (numbers === undefined) throw unsupported('direct system calls are made on Linux x64 and arm64 only');
  const koffi = koffiOrUnsupported();
  const libc = koffi.load(null);
  const bind = (prototype: string): Call => settled(libc.func(prototype) as Call, koffi.errno);
  const openat2 = bind(OPENAT2);
  const statx = bind(STATX);
  const bound = Object.entries(PROTOTYPES).map(([name, prototype]) => [name, bind(prototype)] as const);
  return {
    ...(Object.fromEntries(bound) as Record<keyof typeof PROTOTYPES, Call>),
    syncfs: inBackground(libc.func('int syncfs(int)')),
    close: closing(libc.func('int close(int)') as Call, koffi.errno),
    openat2: (fd, path, how) => openat2(numbers.openat2, fd, path, how, how.byteLength),
    statx: (fd, path, flags, mask, result) => statx(numbers.statx, fd, path, flags, mask, result),
    sha256: () => bindResumableSha256(libc),
  };
}

function settled(call: Call, errno: () => number): Call {
  return (a, b, c, d, e, f) => {
    for (;;) {
      const result = call(a, b, c, d, e, f);
      if (result >= 0) return result;
      const error = errno();
      if (error !== EINTR) return -error;
    }
  };
}

/** Runs on a thread of koffi's own, whose errno nobody sees: a failure is EIO, which is what it nearly always is. */
function inBackground(call: Koffi.KoffiFunc<(fd: number) => number>): (fd: number) => Promise<number> {
  return (fd) =>
    new Promise((resolve) => {
      call.async(fd, (error: unknown, result: number) => resolve(error === null && result === 0 ? 0 : -EIO));
    });
}

/** Linux has closed the descriptor when it answers EINTR; a second close could hit another thread's. */
function closing(call: Call, errno: () => number): (fd: number) => number {
  return (fd) => {
    if (call(fd) >= 0) return 0;
    const error = errno();
    return error === EINTR ? 0 : -error;
  };
}

function koffiOrUnsupported(): typeof Koffi {
  try {
    return loadKoffi();
  } catch (error) {
    throw unsupported('the package koffi is not installed or does not load', error);
  }
}

/** The error of a machine that cannot make these calls; whoever chooses an implementation falls back on it. */
export function unsupported(reason: string, cause?: unknown): EngineError {
  const platform = `${process.platform}-${process.arch}`;
  const message = `no direct system calls on ${platform}: ${reason}; the portable implementation works everywhere`;
  return engineError('UNSUPPORTED_PLATFORM', message, { platform }, cause);
}
