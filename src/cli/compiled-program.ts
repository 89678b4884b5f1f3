import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { arch, env, getuid, pid, versions } from 'node:process';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';
import { crc32 } from 'node:zlib';
import { defaultCacheDirectory } from '../config/defaults.ts';
import { lookEarly } from './early.ts';
import type * as Program from './start.ts';

/** Of the bundle; the build puts it here. */
declare const PROGRAM_DIGEST: string;

const BUNDLE = fileURLToPath(new URL('program.cjs', import.meta.url));

export interface CompiledProgram {
  exports: typeof Program;
  /** Keeps what was compiled until now, for the next time that the verb is used. Says nothing when it cannot. */
  keep(): void;
}

/**
 * Loads the program's bundle with the code that V8 made of it when the same verb ran before: half of the 0.2 s until the
 * first byte is read went into compiling. Node does that itself from 22 on, for modules; NODE_DISABLE_COMPILE_CACHE=1, which
 * switches it off there, does so here.
 */
export function compiledProgram(args: readonly string[]): CompiledProgram {
  const kept = env['NODE_DISABLE_COMPILE_CACHE'] === '1' ? null : keptCode(lookEarly(args, env).verb);
  const cachedData = kept?.read() ?? undefined;
  // The bundle is plain ASCII; a wrapper on its first line leaves the lines of stack traces right.
  const source = `(function(exports,require,module,__filename){${readFileSync(BUNDLE, 'latin1')}\n})`;
  const script = new Script(source, { filename: BUNDLE, ...(cachedData === undefined ? {} : { cachedData }) });
  const module = { exports: {} as CompiledProgram['exports'] };
  const run = script.runInThisContext() as (...parts: unknown[]) => void;
  run(module.exports, createRequire(BUNDLE), module, BUNDLE);
  const isKnown = cachedData !== undefined && script.cachedDataRejected !== true;
  return { exports: module.exports, keep: () => (isKnown ? undefined : kept?.write(script)) };
}

/** Null for who has no home directory. */
function keptCode(verb: string | null): KeptCode | null {
  try {
    return new KeptCode(verb);
  } catch {
    return null;
  }
}

/** The file for a verb: of this bundle, and this Node, which takes no code of another one. */
class KeptCode {
  readonly #dir = join(defaultCacheDirectory(env), 'code');
  readonly #version = `${PROGRAM_DIGEST}-${versions.v8}-${arch}`;
  readonly #path: string;

  constructor(verb: string | null) {
    const name = verb !== null && /^[a-z-]{2,16}$/.test(verb) ? verb : 'none';
    this.#path = join(this.#dir, `${name}-${this.#version}`);
  }

  /** Null when there is none, when somebody else could have written it, or when it is damaged: V8 would run that. */
  read(): Buffer | null {
    try {
      if (!this.#isOurs()) return null;
      const file = readFileSync(this.#path);
      const code = file.subarray(4);
      return crc32(code) === file.readUInt32LE(0) ? code : null;
    } catch {
      return null;
    }
  }

  write(script: Script): void {
    try {
      const code = script.createCachedData();
      mkdirSync(dirname(this.#dir), { recursive: true });
      mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
      // In a directory of somebody else's a name may lead anywhere.
      if (!this.#isOurs()) return;
      // Nobody else needs what an earlier version kept.
      for (const name of readdirSync(this.#dir))
        if (!name.endsWith(this.#version)) rmSync(join(this.#dir, name), { force: true });
      const head = Buffer.alloc(4);
      head.writeUInt32LE(crc32(code));
      const temporary = `${this.#path}.${pid}-${this.#version}`;
      writeFileSync(temporary, Buffer.concat([head, code]), { flag: 'wx', mode: 0o600 });
      renameSync(temporary, this.#path);
    } catch {
      // It only takes a little longer then.
    }
  }

  #isOurs(): boolean {
    const { uid, mode } = statSync(this.#dir);
    return uid === getuid?.() && (mode & 0o022) === 0;
  }
}
