import { mostSpecific } from './auth-keys.ts';
import type { HostOptions, RegistryOptions } from './registry.ts';

/** What is said about one registry, or a part of it, by the longest name that fits; for each thing by itself. */
export class KnownHosts {
  readonly #hosts: readonly HostOptions[];

  constructor({ hosts = [] }: Pick<RegistryOptions, 'hosts'>) {
    this.#hosts = hosts;
  }

  /** Who one is there, and where that is written. */
  login(host: string, name: string): Pick<HostOptions, 'credentials' | 'authFile'> | null {
    return this.#find(host, name, ({ credentials, authFile }) => credentials !== undefined || authFile !== undefined);
  }

  tlsVerify(host: string, name: string): boolean | undefined {
    return this.#find(host, name, ({ tlsVerify }) => tlsVerify !== undefined)?.tlsVerify;
  }

  certDir(host: string, name: string): string | undefined {
    return this.#find(host, name, ({ certDir }) => certDir !== undefined)?.certDir;
  }

  #find(host: string, name: string, says: (options: HostOptions) => boolean): HostOptions | null {
    const entries = this.#hosts.filter(says).map((options): [string, HostOptions] => [options.registry, options]);
    return mostSpecific(new Map(entries), host, name);
  }
}
