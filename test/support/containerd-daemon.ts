import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { run } from './programs.ts';

const START_TRIES = 120;

/** A containerd of its own in a temporary directory, without what Kubernetes needs of it. Needs root. */
export class ContainerdDaemon {
  readonly dir: string = mkdtempSync(join(tmpdir(), 'layermill-containerd-'));
  #daemon: ChildProcess;

  private constructor() {
    writeFileSync(this.#at('config.toml'), 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n');
    this.#daemon = this.#spawn();
  }

  /** Its data directory. */
  get root(): string {
    return this.#at('root');
  }

  /** Resolves when it answers. */
  static async start(): Promise<ContainerdDaemon> {
    const daemon = new ContainerdDaemon();
    await daemon.#answer();
    return daemon;
  }

  ctr(namespace: string, ...args: string[]): string {
    return run('ctr', '--address', this.#socket, '--namespace', namespace, ...args).trim();
  }

  /** The digest of each image of a namespace, by its name. */
  images(namespace: string): Map<string, string> {
    const lines = this.ctr(namespace, 'images', 'ls').split('\n').slice(1);
    return new Map(
      lines.map((line) => {
        const [name, , digest] = line.split(/\s+/);
        return [name!, digest!];
      }),
    );
  }

  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (this.#daemon.exitCode !== null || this.#daemon.signalCode !== null) return;
    this.#daemon.kill(signal);
    await once(this.#daemon, 'exit');
  }

  async restart(): Promise<void> {
    this.#daemon = this.#spawn();
    await this.#answer();
  }

  /** Ends the daemon, unmounts what it left, and removes its directory. */
  async stop(): Promise<void> {
    await this.end();
    const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
    const left = mounts.map((line) => line.split(' ')[1] ?? '').filter((path) => path.startsWith(this.dir));
    for (const path of left.reverse()) run('umount', '--lazy', path);
    rmSync(this.dir, { recursive: true, force: true });
  }

  #spawn(): ChildProcess {
    const log = openSync(this.#at('log'), 'a');
    const where = ['--root', this.root, '--state', this.#at('state'), '--address', this.#socket];
    return spawn('containerd', ['--config', this.#at('config.toml'), ...where], { stdio: ['ignore', log, log] });
  }

  async #answer(): Promise<void> {
    for (let tries = 0; tries < START_TRIES && this.#daemon.exitCode === null; tries++) {
      try {
        this.ctr('moby', 'version');
        return;
      } catch {
        await setTimeout(250);
      }
    }
    const log = readFileSync(this.#at('log'), 'utf8').split('\n').slice(-20).join('\n');
    await this.stop();
    throw new Error(`containerd does not answer:\n${log}`);
  }

  get #socket(): string {
    return this.#at('socket');
  }

  #at(name: string): string {
    return join(this.dir, name);
  }
}
