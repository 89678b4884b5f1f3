import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type Digest, sha256Digest } from '../../src/identity/digest.ts';
import { type ScriptedAuth, ScriptedTokens, sendJson } from './scripted-tokens.ts';

/** What goes wrong with one request. */
export type Fault =
  /** Answers this, and reads no body before. */
  | { is: 'status'; status: number; headers?: Record<string, string>; body?: string }
  /** Ends the connection after this many bytes: of a body that comes, else of the answer. */
  | { is: 'cut'; after: number }
  /** Sends this many bytes of the answer and then, now and then, `drip` more, or nothing. */
  | { is: 'stall'; after: number; drip?: number }
  /** Answers with these bytes in place of the right ones. */
  | { is: 'bytes'; bytes: Buffer }
  /** Answers a Range with the whole. */
  | { is: 'ignoreRange' }
  /** Answers a Range with another one. */
  | { is: 'otherRange'; start: number }
  /** Answers as ever, with these headers over its own; an empty value removes one. */
  | { is: 'headers'; headers: Record<string, string> }
  /** Forgets the upload that the request is about. */
  | { is: 'loseUpload' };

export interface RequestMatch {
  method?: string;
  path?: RegExp;
}

export interface SeenRequest {
  method: string;
  /** With the query. */
  url: string;
  headers: IncomingMessage['headers'];
  /** Milliseconds since 1970. */
  at: number;
}

export interface ScriptedOptions {
  auth?: ScriptedAuth;
  tls?: { key: string; cert: string };
  /** Bodies above this get a 413. */
  maxBody?: number;
  /** False answers every mount with a session, as if the blob were not there. */
  mounts?: boolean;
  head?: boolean;
  referrers?: boolean;
  /** `OCI-Chunk-Min-Length` of uploads. */
  chunkMin?: number;
  /** Names on a page of a list. */
  pageSize?: number;
}

interface Upload {
  name: string;
  bytes: Buffer;
}

type Call = { request: IncomingMessage; response: ServerResponse; url: URL; fault: Fault | null };

/** A registry on loopback with an in-memory store, that fails as it is told to. */
export class ScriptedRegistry implements AsyncDisposable {
  /** By `NAME@DIGEST`. */
  readonly manifests = new Map<string, { raw: Buffer; mediaType: string }>();
  readonly blobs = new Map<string, Buffer>();
  /** By `NAME:TAG`. */
  readonly tags = new Map<string, Digest>();
  readonly seen: SeenRequest[] = [];
  readonly tokens: ScriptedTokens;
  host = '';
  origin = '';
  readonly #options: ScriptedOptions;
  readonly #uploads = new Map<string, Upload>();
  readonly #faults: { match: RequestMatch; fault: Fault; left: number }[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #server: ReturnType<typeof createServer>;

  private constructor(options: ScriptedOptions) {
    this.#options = options;
    this.tokens = new ScriptedTokens(options.auth ?? null);
    const serve = (request: IncomingMessage, response: ServerResponse): void => {
      this.#serve(request, response).catch(() => request.destroy());
    };
    this.#server = options.tls === undefined ? createServer(serve) : createTlsServer(options.tls, serve);
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
  }

  static async open(options: ScriptedOptions = {}): Promise<ScriptedRegistry> {
    const registry = new ScriptedRegistry(options);
    await new Promise<void>((resolve) => registry.#server.listen(0, '127.0.0.1', resolve));
    registry.host = `127.0.0.1:${(registry.#server.address() as AddressInfo).port}`;
    registry.origin = `${options.tls === undefined ? 'http' : 'https'}://${registry.host}`;
    return registry;
  }

  /** Lets the next requests that match fail, `times` of them; faults given first come first. */
  fail(match: RequestMatch, fault: Fault, times = 1): void {
    this.#faults.push({ match, fault, left: times });
  }

  /** Fails no more. */
  forgive(): void {
    this.#faults.length = 0;
  }

  addBlob(name: string, bytes: Buffer): Digest {
    const digest = sha256Digest(bytes);
    this.blobs.set(`${name}@${digest}`, bytes);
    return digest;
  }

  addManifest(name: string, tag: string | null, raw: Buffer, mediaType: string, digest = sha256Digest(raw)): Digest {
    this.manifests.set(`${name}@${digest}`, { raw, mediaType });
    if (tag !== null) this.tags.set(`${name}:${tag}`, digest);
    return digest;
  }

  /** The requests of a method for a path, as they came. */
  requests(method: string, path: RegExp = /^/): SeenRequest[] {
    return this.seen.filter((request) => request.method === method && path.test(request.url));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.origin);
    const method = request.method ?? 'GET';
    this.seen.push({ method, url: request.url ?? '', headers: request.headers, at: Date.now() });
    if (url.pathname === '/token') return this.tokens.answer(request, response, url);
    const fault = this.#takeFault(method, url.pathname);
    if (fault?.is === 'status') {
      response.writeHead(fault.status, fault.headers).end(method === 'HEAD' ? undefined : fault.body);
      return;
    }
    if (!this.tokens.admits(request, response, this.origin, scopesOf(method, url))) return;
    if (method === 'HEAD' && this.#options.head === false) return refuse(response, 405, 'UNSUPPORTED');
    if (Number(request.headers['content-length'] ?? 0) > (this.#options.maxBody ?? Infinity)) {
      return refuse(response, 413, 'SIZE_INVALID');
    }
    await this.#route({ request, response, url, fault });
  }

  async #route(call: Call): Promise<void> {
    const { response, url } = call;
    const path = decodeURIComponent(url.pathname);
    if (path === '/v2/') return sendJson(response, 200, {});
    if (path === '/v2/_catalog') return this.#sendPage(call, 'repositories', this.#repositories());
    const match = /^\/v2\/(.+?)\/(manifests|blobs\/uploads|blobs|tags|referrers)(?:\/([^/]*))?$/.exec(path);
    const [, name, kind, rest = ''] = match ?? [];
    if (name === undefined) return refuse(response, 404, 'NOT_FOUND');
    if (kind === 'manifests') return this.#manifest(call, name, rest);
    if (kind === 'blobs') return this.#blob(call, name, rest);
    if (kind === 'blobs/uploads') return rest === '' ? this.#startUpload(call, name) : this.#upload(call, rest);
    if (kind === 'tags') return this.#listTags(call, name);
    return this.#sendReferrers(call, name, rest);
  }

  #takeFault(method: string, path: string): Fault | null {
    const next = this.#faults.find(
      ({ match, left }) => left > 0 && (match.method ?? method) === method && (match.path?.test(path) ?? true),
    );
    if (next === undefined) return null;
    next.left -= 1;
    return next.fault;
  }

  async #manifest(call: Call, name: string, reference: string): Promise<void> {
    const { request, response } = call;
    const digest = reference.includes(':') ? reference : this.tags.get(`${name}:${reference}`);
    if (request.method === 'PUT') {
      const raw = await bodyOf(call);
      const tag = reference.includes(':') ? null : reference;
      const made = this.addManifest(name, tag, raw, request.headers['content-type'] ?? '');
      const { subject } = JSON.parse(raw.toString()) as { subject?: { digest: string } };
      const listed =
        subject === undefined || this.#options.referrers === false ? {} : { 'OCI-Subject': subject.digest };
      return sendHead(call, 201, { 'Docker-Content-Digest': made, ...listed });
    }
    const found = this.manifests.get(`${name}@${digest}`);
    if (digest === undefined || found === undefined) return refuse(response, 404, 'MANIFEST_UNKNOWN');
    if (request.method === 'DELETE') {
      this.manifests.delete(`${name}@${digest}`);
      for (const [tag, target] of this.tags) if (target === digest) this.tags.delete(tag);
      return sendHead(call, 202, {});
    }
    send(call, found.raw, { 'Content-Type': found.mediaType, 'Docker-Content-Digest': digest });
  }

  #blob(call: Call, name: string, digest: string): void {
    const bytes = this.blobs.get(`${name}@${digest}`);
    if (bytes === undefined) return refuse(call.response, 404, 'BLOB_UNKNOWN');
    send(call, bytes, { 'Content-Type': 'application/octet-stream', ETag: `"${digest}"`, 'Accept-Ranges': 'bytes' });
  }

  #startUpload(call: Call, name: string): void {
    const { mount, from } = Object.fromEntries(call.url.searchParams);
    const bytes = this.blobs.get(`${from}@${mount}`);
    if (bytes !== undefined && this.#options.mounts !== false) {
      this.blobs.set(`${name}@${mount}`, bytes);
      return sendHead(call, 201, { Location: `/v2/${name}/blobs/${mount}` });
    }
    const id = randomUUID();
    this.#uploads.set(id, { name, bytes: Buffer.alloc(0) });
    const { chunkMin } = this.#options;
    const least = chunkMin === undefined ? {} : { 'OCI-Chunk-Min-Length': String(chunkMin) };
    sendHead(call, 202, { ...this.#uploadHeaders(id), ...least });
  }

  async #upload(call: Call, id: string): Promise<void> {
    const { request, response, url } = call;
    if (call.fault?.is === 'loseUpload') this.#uploads.delete(id);
    const upload = this.#uploads.get(id);
    if (upload === undefined || url.searchParams.get('state') !== `s${id.slice(0, 4)}`) {
      return refuse(response, 404, 'BLOB_UPLOAD_UNKNOWN');
    }
    if (request.method === 'GET') return sendHead(call, 204, this.#uploadHeaders(id));
    if (request.method === 'DELETE') {
      this.#uploads.delete(id);
      return sendHead(call, 204, {});
    }
    const range = request.headers['content-range'];
    if (range !== undefined && Number(range.split('-')[0]) !== upload.bytes.length) {
      response.writeHead(416, this.#uploadHeaders(id)).end();
      return;
    }
    const before = upload.bytes;
    await bodyOf(call, (bytes) => (upload.bytes = Buffer.concat([before, bytes])));
    if (request.method === 'PATCH') return sendHead(call, 202, this.#uploadHeaders(id));
    this.#uploads.delete(id);
    const digest = url.searchParams.get('digest') ?? '';
    if (hashLike(digest, upload.bytes) !== digest) return refuse(response, 400, 'DIGEST_INVALID');
    this.blobs.set(`${upload.name}@${digest}`, upload.bytes);
    sendHead(call, 201, { Location: `/v2/${upload.name}/blobs/${digest}`, 'Docker-Content-Digest': digest });
  }

  #uploadHeaders(id: string): Record<string, string> {
    const { name, bytes } = this.#uploads.get(id)!;
    const Location = `/v2/${name}/blobs/uploads/${id}?state=s${id.slice(0, 4)}`;
    return { Location, Range: `0-${Math.max(0, bytes.length - 1)}` };
  }

  #repositories(): string[] {
    const keys = [...this.manifests.keys(), ...this.blobs.keys()];
    return [...new Set(keys.map((key) => key.slice(0, key.indexOf('@'))))].toSorted();
  }

  #listTags(call: Call, name: string): void {
    const names = [...this.tags.keys()].filter((key) => key.startsWith(`${name}:`)).toSorted();
    if (!this.#repositories().includes(name)) return refuse(call.response, 404, 'NAME_UNKNOWN');
    const tags = names.map((key) => key.slice(name.length + 1));
    this.#sendPage(call, 'tags', tags);
  }

  #sendPage(call: Call, key: string, names: string[]): void {
    const last = call.url.searchParams.get('last');
    const start = last === null ? 0 : names.indexOf(last) + 1;
    const page = names.slice(start, start + (this.#options.pageSize ?? 1000));
    const more = start + page.length < names.length;
    const link = `<${call.url.pathname}?n=${page.length}&last=${page.at(-1)}>; rel="next"`;
    send(call, Buffer.from(JSON.stringify({ name: 'x', [key]: page })), {
      'Content-Type': 'application/json',
      ...(more ? { Link: link } : {}),
    });
  }

  #sendReferrers(call: Call, name: string, digest: string): void {
    if (this.#options.referrers === false) return refuse(call.response, 404, 'NOT_FOUND');
    const mediaType = 'application/vnd.oci.image.index.v1+json';
    const manifests = [...this.manifests].flatMap(([key, manifest]) => {
      const document = JSON.parse(manifest.raw.toString()) as { subject?: { digest: string }; artifactType?: string };
      if (!key.startsWith(`${name}@`) || document.subject?.digest !== digest) return [];
      const { raw, mediaType: type } = manifest;
      return [{ mediaType: type, digest: sha256Digest(raw), size: raw.length, artifactType: document.artifactType }];
    });
    const start = Number(call.url.searchParams.get('from') ?? 0);
    const page = manifests.slice(start, start + (this.#options.pageSize ?? 1000));
    const next = start + page.length;
    send(call, Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests: page })), {
      'Content-Type': mediaType,
      ...(next < manifests.length ? { Link: `<?from=${next}>; rel="next"` } : {}),
    });
  }
}

function scopesOf(method: string, url: URL): string[] {
  const name = /^\/v2\/(.+?)\/(?:manifests|blobs|tags|referrers)\//.exec(decodeURIComponent(url.pathname))?.[1];
  if (name === undefined) return url.pathname === '/v2/_catalog' ? ['registry:catalog:*'] : [];
  const actions = method === 'GET' || method === 'HEAD' ? 'pull' : method === 'DELETE' ? 'delete' : 'pull,push';
  const from = url.searchParams.get('from');
  const uploads = url.pathname.includes('/blobs/uploads/');
  const own = `repository:${name}:${uploads ? 'pull,push' : actions}`;
  return from === null || !url.searchParams.has('mount') ? [own] : [own, `repository:${from}:pull`];
}

function hashLike(digest: string, bytes: Buffer): string {
  const algorithm = digest.startsWith('sha512:') ? 'sha512' : 'sha256';
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

/** Reads the body; `keep` is told of all that came, also when the connection is then cut. */
async function bodyOf({ request, fault }: Call, keep: (bytes: Buffer) => void = () => undefined): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  for await (const chunk of request) {
    bytes = Buffer.concat([bytes, chunk as Buffer]);
    if (fault?.is !== 'cut' || bytes.length < fault.after) continue;
    keep(bytes.subarray(0, fault.after));
    request.socket.destroy();
    throw new Error('cut');
  }
  keep(bytes);
  return bytes;
}

function send(call: Call, whole: Buffer, headers: Record<string, string>): void {
  const { request, response, fault } = call;
  const bytes = fault?.is === 'bytes' ? fault.bytes : whole;
  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
  let [status, start] = [200, 0];
  if (asked !== undefined && fault?.is !== 'ignoreRange') {
    start = fault?.is === 'otherRange' ? fault.start : Number(asked);
    if (start >= bytes.length) return sendHead(call, 416, {});
    status = 206;
  }
  const body = bytes.subarray(start);
  const range = status === 206 ? { 'Content-Range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {};
  const all = overlaid({ ...headers, ...range, 'Content-Length': String(body.length) }, fault);
  response.writeHead(status, all);
  if (request.method === 'HEAD') return void response.end();
  if (fault?.is === 'cut') return cut(response, body.subarray(0, fault.after));
  if (fault?.is !== 'stall') return void response.end(body);
  response.write(body.subarray(0, fault.after));
  drip(response, body.subarray(fault.after), fault.drip ?? 0);
}

function cut(response: ServerResponse, bytes: Buffer): void {
  response.write(bytes, () => response.socket?.end());
}

function drip(response: ServerResponse, rest: Buffer, bytes: number): void {
  if (bytes === 0) return;
  let at = 0;
  const timer = setInterval(() => {
    response.write(rest.subarray(at, at + bytes));
    at += bytes;
  }, 20);
  response.on('close', () => clearInterval(timer));
}

function sendHead({ response, fault }: Call, status: number, headers: Record<string, string>): void {
  // An answer without a body has nothing to begin with.
  if (fault?.is === 'stall') return;
  response.writeHead(status, overlaid({ ...headers, 'Content-Length': '0' }, fault)).end();
}

function overlaid(headers: Record<string, string>, fault: Fault | null): Record<string, string> {
  if (fault?.is !== 'headers') return headers;
  return Object.fromEntries(Object.entries({ ...headers, ...fault.headers }).filter(([, value]) => value !== ''));
}

function refuse(response: ServerResponse, status: number, code: string): void {
  response.shouldKeepAlive = status !== 413;
  sendJson(response, status, { errors: [{ code, message: `${code} it is` }] });
}
