import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { engineError } from '../errors/kinds.ts';
import { throwIfAborted } from '../streams/abort.ts';
import { type Flock, type HeldLock, tryLock } from '../streams/lock-file.ts';

export const LOCK_FILE = 'layermill.lock';

export interface StoreLockOptions {
  flock: Flock;
  timeoutMs: number;
  /** Called once when somebody else holds the store and we wait. */
  onWait?: ((holder: string) => void) | undefined;
}

/** What changes of a store are counted: a reader of one need not look at the other. */
export type Changing = 'images' | 'tags';

/** Who held the lock last, and how often the store changed: the content of the lock file. */
interface LockState extends Record<Changing, number> {
  pid: number;
  host: string;
}

/** One write of this many bytes replaces the whole content, so that no reader sees half of it. */
const STATE_BYTES = 512;

/** Pauses between two tries in milliseconds: short at first, then with some chance to meet a moment between two holds. */
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 25;

/** Whoever waits longer than this is told for whom; most holders are gone before. */
const TELL_AFTER_MS = 300;

/**
 * The lock of a store among processes. It is held for moments, around what must not be seen half done: a commit, a
 * removal, a change of tags. Layers are filled without it, in staging directories with locks of their own.
 *
 * The lock file also counts the changes: times of files are too coarse to tell two states of a directory apart.
 */
export class StoreLock {
  readonly #root: string;
  readonly #path: string;
  readonly #options: StoreLockOptions;
  readonly #buffer: Buffer = Buffer.alloc(STATE_BYTES);
  /** What was read last, and what it says: every look-up in the store asks for it. */
  #seen: { text: string; state: Partial<LockState> } = { text: '', state: {} };
  /** In this process one holder at a time. */
  #tail: Promise<void> = Promise.resolve();

  constructor(root: string, options: StoreLockOptions) {
    this.#root = root;
    this.#path = join(root, LOCK_FILE);
    this.#options = options;
  }

  /** Runs `work` while no other process writes. Throws STORE_LOCKED when the lock does not come free in time. */
  async exclusive<Value>(work: () => Promise<Value>, signal?: AbortSignal): Promise<Value> {
    const before = this.#tail;
    let open: () => void = () => {};
    this.#tail = new Promise((resolve) => {
      open = resolve;
    });
    try {
      await before;
      const lock = await this.#acquire(signal);
      try {
        return await work();
      } finally {
        lock.release();
      }
    } finally {
      open();
    }
  }

  /** How often the store was changed so far, as the lock file says it. */
  changes(what: Changing): number {
    return this.#read()?.[what] ?? 0;
  }

  /** Counts a change that is about to be made; called under the lock. */
  noteChange(what: Changing): void {
    const state = this.#state();
    this.#write({ ...state, [what]: state[what] + 1 });
  }

  async #acquire(signal: AbortSignal | undefined): Promise<HeldLock> {
    const started = Date.now();
    let pause = FIRST_PAUSE_MS;
    for (let told = false; ;) {
      throwIfAborted(signal);
      const lock = tryLock(this.#path, 'exclusive', this.#options.flock);
      if (lock !== null) {
        this.#write(this.#state());
        return lock;
      }
      const waited = Date.now() - started;
      if (waited >= this.#options.timeoutMs) throw this.#locked();
      if (!told && waited >= TELL_AFTER_MS) {
        told = true;
        this.#options.onWait?.(this.#holder());
      }
      await setTimeout(pause * (0.5 + Math.random()));
      pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
    }
  }

  /** The counts as they are, with us as the holder. */
  #state(): LockState {
    const { images = 0, tags = 0 } = this.#read() ?? {};
    return { pid: process.pid, host: hostname(), images, tags };
  }

  #read(): Partial<LockState> | null {
    try {
      const text = this.#text();
      if (text !== this.#seen.text) this.#seen = { text, state: JSON.parse(text) as Partial<LockState> };
      return this.#seen.state;
    } catch {
      // Nobody has locked this store yet, or the file holds something else.
      return null;
    }
  }

  #text(): string {
    const fd = openSync(this.#path, 'r');
    try {
      return this.#buffer.toString('utf8', 0, readSync(fd, this.#buffer, 0, STATE_BYTES, 0));
    } finally {
      closeSync(fd);
    }
  }

  #write(state: LockState): void {
    const fd = openSync(this.#path, 'r+');
    try {
      writeSync(fd, `${JSON.stringify(state).padEnd(STATE_BYTES - 1)}\n`, 0);
    } finally {
      closeSync(fd);
    }
  }

  #holder(): string {
    const { pid, host } = this.#read() ?? {};
    return pid === undefined ? 'another process' : `process ${pid} on ${host ?? 'this host'}`;
  }

  #locked(): Error {
    const holder = this.#holder();
    const seconds = Math.round(this.#options.timeoutMs / 1000);
    return engineError(
      'STORE_LOCKED',
      `the store ${JSON.stringify(this.#root)} is locked by ${holder}; waited ${seconds} s (--lock-timeout waits longer)`,
      { root: this.#root, holder },
    );
  }
}
