import type { HostOptions } from '../../formats/distribution/registry.ts';
import { quoted } from '../../image/strict-json.ts';
import { type JobCreds, VARIABLE } from './job-schema.ts';
import type { NoteProblem } from './read-entry.ts';

/** `${NAME}` anywhere in a text. */
const VARIABLES = /\$\{([^}]*)\}/g;

/** How a registry is spoken to, with the variables filled in from the environment. What is wrong is noted. */
export function readCreds(creds: JobCreds, env: NodeJS.ProcessEnv, note: NoteProblem): HostOptions {
  const filled = (key: 'registry' | 'user' | 'pass' | 'authFile' | 'certDir'): string | undefined => {
    const text = creds[key];
    return text?.replaceAll(VARIABLES, (whole, name: string) => {
      const value = VARIABLE.test(whole) ? env[name] : undefined;
      // An empty one counts as unset.
      if (value) return value;
      note([key], `the variable ${quoted(name)} is not set in the environment`);
      return '';
    });
  };
  const [user, password] = [filled('user'), filled('pass')];
  if ((user === undefined) !== (password === undefined))
    note([user === undefined ? 'pass' : 'user'], 'user and pass go together; an authFile can take their place');
  if (user !== undefined && creds.authFile !== undefined) note(['authFile'], 'say either user and pass, or authFile');
  return {
    registry: registryOf(filled('registry')!, note),
    credentials: user === undefined || password === undefined ? undefined : { username: user, password },
    authFile: filled('authFile'),
    tlsVerify: tlsVerifyOf(creds.tls),
    certDir: filled('certDir'),
  };
}

/** `HOST[:PORT][/PATH]`, as auth files have it. */
function registryOf(text: string, note: NoteProblem): string {
  const plain = text.replace(/^docker:\/\//, '').replace(/\/+$/, '');
  if (/^(\[[A-Fa-f0-9:]+\]|[A-Za-z0-9][A-Za-z0-9.-]*)(:\d+)?(\/[a-z0-9._-]+)*$/.test(plain)) return plain;
  // Nothing is said of an empty one: its variable was missing.
  if (plain !== '') note(['registry'], `${quoted(text)} is no registry; write it as HOST, HOST:PORT or HOST/PATH`);
  return plain;
}

/** `insecure` and `disabled` are one thing here: what is allowed is tried. */
export function tlsVerifyOf(tls: JobCreds['tls']): boolean | undefined {
  return tls === undefined ? undefined : tls === 'enabled';
}
