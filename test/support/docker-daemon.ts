import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { run } from './programs.ts';

const START_TRIES = 120;

/** A Docker daemon of its own, without a network, in a temporary directory. Needs root. */
export class DockerDaemon {
  readonly root: string = mkdtempSync(join(tmpdir(), 'layermill-docker-'));
  /** Its data directory. */
  readonly data: string = join(this.root, 'data');
  readonly #daemon: ChildProcess;

  private constructor(driver: string) {
    if (driver === 'btrfs') this.#mountBtrfs();
    const log = openSync(this.#log, 'w');
    const at = (name: string): string => join(this.root, name);
    const where = ['--data-root', at('data'), '--exec-root', at('exec'), '--pidfile', at('pid'), '--host', this.#host];
    const what = ['--storage-driver', driver, '--iptables=false', '--ip6tables=false', '--bridge=none'];
    this.#daemon = spawn('dockerd', [...where, ...what], { stdio: ['ignore', log, log] });
  }

  /** Resolves when the daemon answers. */
  static async start(driver = 'overlay2'): Promise<DockerDaemon> {
    const daemon = new DockerDaemon(driver);
    for (let tries = 0; tries < START_TRIES && daemon.#daemon.exitCode === null; tries++) {
      try {
        daemon.docker('version');
        return daemon;
      } catch {
        await setTimeout(500);
      }
    }
    const log = readFileSync(daemon.#log, 'utf8').split('\n').slice(-20).join('\n');
    await daemon.stop();
    throw new Error(`dockerd does not answer:\n${log}`);
  }

  docker(...args: string[]): string {
    return run('docker', '--host', this.#host, ...args).trim();
  }

  /** Ends the daemon; its data stays. */
  async halt(): Promise<void> {
    if (this.#daemon.exitCode !== null) return;
    this.#daemon.kill('SIGTERM');
    await once(this.#daemon, 'exit');
  }

  /** Ends the daemon, unmounts what it left, and removes its directory. */
  async stop(): Promise<void> {
    await this.halt();
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
    const left = mounts.map((line) => line.split(' ')[1] ?? '').filter((path) => path.startsWith(this.root));
    for (const path of left.reverse()) run('umount', '--lazy', path);
    rmSync(this.root, { recursive: true, force: true });
  }

  /** The driver works on that file system only, which is seldom what a temporary directory lies on. */
  #mountBtrfs(): void {
    const disk = join(this.root, 'disk');
    mkdirSync(this.data);
    run('truncate', '--size', '512M', disk);
    run('mkfs.btrfs', '--quiet', disk);
    run('mount', '-o', 'loop', disk, this.data);
  }

  get #host(): string {
    return `unix://${this.root}/socket`;
  }

  get #log(): string {
    return join(this.root, 'log');
  }
}
