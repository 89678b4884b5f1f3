import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

/** A proxy that opens tunnels (RFC 9110, section 9.3.6), all of them to one port of loopback. */
export interface ConnectProxy extends AsyncDisposable {
  origin: string;
  /** Where tunnels were wanted to, and what the proxy was told of who wants them. */
  asked: { to: string; authorization: string | undefined }[];
  /** Requests that wanted no tunnel. */
  plain: string[];
  /** What it answers from now on, in place of opening tunnels. */
  refusal: number | null;
}

export async function openConnectProxy(port: number): Promise<ConnectProxy> {
  const [asked, plain, sockets]: [ConnectProxy['asked'], string[], Set<Socket>] = [[], [], new Set()];
  const server = createServer((request, response) => {
    plain.push(request.url ?? '');
    response.writeHead(proxy.refusal ?? 405).end();
  });
  server.on('connect', (request, client: Socket, head: Buffer) => {
    client.on('error', () => client.destroy());
    asked.push({ to: request.url ?? '', authorization: request.headers['proxy-authorization'] });
    if (proxy.refusal !== null) {
      client.end(`HTTP/1.1 ${proxy.refusal} No\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    const target = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      target.write(head);
      client.pipe(target).pipe(client);
    });
    for (const socket of [client, target]) {
      sockets.add(socket);
    }
    target.on('error', () => client.destroy());
    client.on('close', () => target.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: ConnectProxy = {
    origin: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    plain,
    refusal: null,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
