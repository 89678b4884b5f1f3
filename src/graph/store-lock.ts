import { readFileSync, writeFileSync } from 'node:fs';
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

/** First pause between two tries, and the longest, in milliseconds. */
const FIRST_PAUSE_MS = 2;
const LONGEST_PAUSE_MS = 100;

/**
 * The lock of a store among processes. It is held for moments, around what must not be seen half done: a commit, a
 * removal, a change of tags. Layers are filled without it, in staging directories with locks of their own.
 */
export class StoreLock {
  readonly #root: string;
  readonly #options: StoreLockOptions;
  /** In this process one holder at a time; the next one need not ask the kernel. */
  #tail: Promise<void> = Promise.resolve();

  constructor(root: string, options: StoreLockOptions) {
    this.#root = root;
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

  async #acquire(signal: AbortSignal | undefined): Promise<HeldLock> {
    const path = join(this.#root, LOCK_FILE);
    const deadline = Date.now() + this.#options.timeoutMs;
    let pause = FIRST_PAUSE_MS;
    for (let told = false; ;) {
      throwIfAborted(signal);
      const lock = tryLock(path, 'exclusive', this.#options.flock);
      if (lock !== null) {
        writeFileSync(path, `${JSON.stringify({ pid: process.pid, host: hostname() })}\n`);
        return lock;
      }
      if (Date.now() >= deadline) throw this.#locked(path);
      // Most holders are gone before anybody would read that they were there.
      if (!told && pause >= LONGEST_PAUSE_MS) {
        told = true;
        this.#options.onWait?.(holderOf(path));
      }
      await setTimeout(pause);
      pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
    }
  }

  #locked(path: string): Error {
    const holder = holderOf(path);
    const seconds = Math.round(this.#options.timeoutMs / 1000);
    return engineError(
      'STORE_LOCKED',
      `the store ${JSON.stringify(this.#root)} is locked by ${holder}; waited ${seconds} s (--lock-timeout waits longer)`,
      { root: this.#root, holder },
    );
  }
}

function holderOf(path: string): string {
  try {
    const { pid, host } = JSON.parse(readFileSync(path, 'utf8')) as { pid: unknown; host: unknown };
    return `process ${String(pid)} on ${String(host)}`;
  } catch {
    return 'another process';
  }
}
