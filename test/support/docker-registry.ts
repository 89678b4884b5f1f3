import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { run } from './programs.ts';

/** A name that leads nowhere (RFC 2606), for which the certificate is good too. */
export const NAME_IN_CERTIFICATE = 'registry.test';

/** Docker's own registry on a loopback port, with a store of its own. */
export interface DockerRegistry extends AsyncDisposable {
  /** With port. */
  host: string;
  origin: string;
  /** Where it keeps what it has. */
  store: string;
  /** The certificate in PEM, where it speaks TLS. */
  ca: string | null;
}

/** Starts `docker-registry`; with `user` by TLS and with a password, which needs `openssl` and `htpasswd`. */
export async function startDockerRegistry(user?: { name: string; password: string }): Promise<DockerRegistry> {
  const dir = mkdtempSync(join(tmpdir(), 'layermill-docker-registry-'));
  const port = await freePort();
  const http: Record<string, unknown> = { addr: `127.0.0.1:${port}` };
  const config: Record<string, unknown> = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(dir, 'store') }, delete: { enabled: true } },
    http,
  };
  let ca: string | null = null;
  if (user !== undefined) {
    const [certificate, key, path] = ['cert.pem', 'key.pem', 'htpasswd'].map((name) => join(dir, name)) as [
      string,
      string,
      string,
    ];
    ca = makeCertificate(certificate, key);
    http['tls'] = { certificate, key };
    writeFileSync(path, run('htpasswd', '-Bbn', user.name, user.password));
    config['auth'] = { htpasswd: { realm: 'a, realm', path } };
  }
  // JSON is YAML.
  writeFileSync(join(dir, 'config.yml'), JSON.stringify(config));
  const child = spawn('docker-registry', ['serve', join(dir, 'config.yml')], { stdio: 'ignore' });
  const host = `127.0.0.1:${port}`;
  await untilItListens(port, child);
  return {
    host,
    store: join(dir, 'store'),
    origin: `${user === undefined ? 'http' : 'https'}://${host}`,
    ca,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
      await rm(dir, { recursive: true, force: true });
    },
  };
}

function makeCertificate(certificate: string, key: string): string {
  const name = ['-subj', '/CN=127.0.0.1', '-addext', `subjectAltName=IP:127.0.0.1,DNS:${NAME_IN_CERTIFICATE}`];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  run('openssl', 'req', '-x509', ...kind, '-keyout', key, '-out', certificate, '-days', '2', ...name);
  return run('cat', certificate);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function untilItListens(port: number, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (child.exitCode !== null) throw new Error('docker-registry did not start');
    const socket = connect(port, '127.0.0.1');
    const open = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (open) return;
    await delay(50);
  }
  throw new Error('docker-registry does not answer');
}
