import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { registriesFor } from '../../../src/formats/distribution/registries-of.ts';
import { sha256Digest } from '../../../src/identity/digest.ts';
import { type FormatLab, openFormatLab } from '../../support/format-context.ts';

let lab: FormatLab;
beforeEach(() => void (lab = openFormatLab()));
afterEach(() => lab.close());

const manifest = Buffer.from('{"schemaVersion":2}');
const digest = sha256Digest(manifest);
const type = 'application/vnd.oci.image.manifest.v1+json';

it('goes on after a server that answers HEAD with a body, which it may not', async () => {
  const seen: string[] = [];
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk) => {
      const [, method = '', path = ''] = /^(\w+) (\S+)/.exec(chunk.toString('latin1')) ?? [];
      seen.push(method);
      const body = path === '/v2/' ? Buffer.from('{}') : manifest;
      const head = `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ndocker-content-digest: ${digest}\r\ncontent-length: ${body.length}\r\n\r\n`;
      socket.write(Buffer.concat([Buffer.from(head), body]));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const registries = registriesFor(lab.context, 'source', { tlsVerify: false, noCreds: true, retryTimes: 2, env: {} });
  try {
    const repository = await registries.repository(host, 'team/app');
    for (let round = 0; round < 3; round++) {
      expect((await repository.headManifest('1'))?.digest).toBe(digest);
      expect((await repository.manifest('1'))?.raw).toEqual(manifest);
    }
    expect(seen).toContain('HEAD');
  } finally {
    await registries.close();
    server.close();
  }
});
