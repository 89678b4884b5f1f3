import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { engineError } from '../errors/kinds.ts';
import { abortable, throwIfAborted } from '../streams/abort.ts';
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

/** A timer takes no more than 31 bits of milliseconds; we look again. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

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
  /** In this process one holder at a time; settles when nobody is in line. */
  #tail: Promise<void> | null = null;
  /** How long this process held the lock so far, and since when it does now. */
  #heldMs = 0;
  #heldSince: number | null = null;

  constructor(root: string, options: StoreLockOptions) {
    this.#root = root;
    this.#path = join(root, LOCK_FILE);
    this.#options = options;
  }

  /**
   * Runs `work` while no other process writes. Throws STORE_LOCKED when the lock does not come free in time; the time
   * begins with the call, and does not run while this process itself holds the lock.
   */
  async exclusive<Value>(work: () => Promise<Value>, signal?: AbortSignal): Promise<Value> {
    const started = this.#othersClock();
    return this.#inLine(async (before) => {
      if (before !== null) await this.#turn(before, started, signal);
      return this.#holding(await this.#acquire(started, signal), work);
    });
  }

  /** Runs `work` as `exclusive` does when nobody has the lock just now; answers whether it did. */
  async ifFree(work: () => Promise<void>): Promise<boolean> {
    if (this.#tail !== null) return false;
    return this.#inLine(async () => {
      const lock = this.#tryNow();
      if (lock !== null) await this.#holding(lock, work);
      return lock !== null;
    });
  }

  /** Lets nobody of this process begin before `work`, which is told of those who came earlier, has ended. */
  async #inLine<Value>(work: (before: Promise<void> | null) => Promise<Value>): Promise<Value> {
    const before = this.#tail;
    let open: () => void = () => {};
    const mine = new Promise<void>((resolve) => {
      open = resolve;
    });
    // Whoever comes next waits for those before us too, also when we give up waiting.
    const tail = before === null ? mine : before.then(() => mine);
    this.#tail = tail;
    try {
      return await work(before);
    } finally {
      open();
      if (this.#tail === tail) this.#tail = null;
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

  /** Waits for those of this process that came before. */
  async #turn(before: Promise<void>, started: number, signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      const left = this.#options.timeoutMs - (this.#othersClock() - started);
      if (left <= 0) throw this.#locked();
      const stop = new AbortController();
      const tooLong = setTimeout(Math.min(left, LONGEST_TIMER_MS), 'too long', { signal: stop.signal }).catch(
        () => 'stopped',
      );
      try {
        if ((await abortable(Promise.race([before, tooLong]), signal)) !== 'too long') return;
      } finally {
        stop.abort();
      }
    }
  }

  /** Milliseconds that pass only while this process does not hold the lock. */
  #othersClock(): number {
    const now = Date.now();
    return now - this.#heldMs - (this.#heldSince === null ? 0 : now - this.#heldSince);
  }

  async #acquire(started: number, signal: AbortSignal | undefined): Promise<HeldLock> {
    let pause = FIRST_PAUSE_MS;
    for (let told = false; ;) {
      throwIfAborted(signal);
      const lock = this.#tryNow();
      if (lock !== null) return lock;
      const waited = this.#othersClock() - started;
      if (waited >= this.#options.timeoutMs) throw this.#locked();
      if (!told && waited >= TELL_AFTER_MS) {
        told = true;
        this.#options.onWait?.(this.#holder());
      }
      await setTimeout(pause * (0.5 + Math.random()));
      pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
    }
  }

  /** Takes the lock with our name in it, or answers null when another process has it. */
  #tryNow(): HeldLock | null {
    const lock = tryLock(this.#path, 'exclusive', this.#options.flock);
    if (lock !== null) this.#write(this.#state());
    return lock;
  }

  async #holding<Value>(lock: HeldLock, work: () => Promise<Value>): Promise<Value> {
    this.#heldSince = Date.now();
    try {
      return await work();
    } finally {
      this.#heldMs += Date.now() - this.#heldSince;
      this.#heldSince = null;
      lock.release();
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
