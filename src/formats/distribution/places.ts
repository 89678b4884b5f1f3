import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where the files are that say how registries are reached. */
export interface Places {
  env: NodeJS.ProcessEnv;
  home: string;
  /** `/`, except for tests: `etc` and `run` are looked for below it. */
  root: string;
}

export function placesOf(env: NodeJS.ProcessEnv = process.env, root = '/'): Places {
  return { env, home: setting(env, 'HOME') ?? homedir(), root };
}

/** A variable; an empty one counts as unset. */
export function setting(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name];
}

/** `~/.config/containers`. */
export function userContainers({ env, home }: Places): string {
  return join(setting(env, 'XDG_CONFIG_HOME') ?? join(home, '.config'), 'containers');
}

export function etcContainers({ root }: Places): string {
  return join(root, 'etc/containers');
}

/** The files that hold credentials, the first to be asked first (containers-auth.json(5)). */
export function authFiles(places: Places): string[] {
  const { env, home, root } = places;
  const runtime = setting(env, 'XDG_RUNTIME_DIR');
  return [
    runtime === undefined
      ? join(root, 'run/containers', String(process.getuid?.() ?? 0), 'auth.json')
      : join(runtime, 'containers/auth.json'),
    join(userContainers(places), 'auth.json'),
    join(setting(env, 'DOCKER_CONFIG') ?? join(home, '.docker'), 'config.json'),
  ];
}
