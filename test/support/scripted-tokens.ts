import type { IncomingMessage, ServerResponse } from 'node:http';

/** What a scripted registry asks of its callers. */
export interface ScriptedAuth {
  kind: 'basic' | 'bearer';
  user: string;
  password: string;
  /** A refresh token that also opens the token service. */
  identityToken?: string;
  /** Whether tokens are given to those who say no name. */
  anonymous?: boolean;
  /** What `expires_in` says; left out of the answer when it is not given. */
  expiresInSec?: number;
  /** Where the token service is said to be; its own `/token` by default. */
  realm?: string;
}

/** The side of a scripted registry that knows who may do what. */
export class ScriptedTokens {
  readonly #auth: ScriptedAuth | null;
  readonly #valid = new Map<string, string[]>();
  /** Every request for a token: its scopes, and how it was made. */
  readonly asked: { method: string; scopes: string[]; named: boolean }[] = [];
  #count = 0;

  constructor(auth: ScriptedAuth | null) {
    this.#auth = auth;
  }

  /** Refuses, from now on, every token given so far. */
  expire(): void {
    this.#valid.clear();
  }

  /** True when the caller may do this; otherwise the answer has been sent. */
  admits(request: IncomingMessage, response: ServerResponse, origin: string, scopes: readonly string[]): boolean {
    const auth = this.#auth;
    if (auth === null) return true;
    const header = request.headers.authorization;
    if (auth.kind === 'basic' ? header === basicOf(auth) : this.#covers(header, scopes)) return true;
    const bearer =
      `Bearer realm="${auth.realm ?? `${origin}/token`}",service="scripted \\"one\\"",` +
      `scope="${scopes.join(' ')}"${header === undefined ? '' : ',error="invalid_token"'}`;
    response.setHeader('WWW-Authenticate', auth.kind === 'basic' ? 'Basic realm="scripted, one"' : bearer);
    sendJson(response, 401, { errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] });
    return false;
  }

  async answer(request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
    const auth = this.#auth!;
    const form = request.method === 'POST' ? new URLSearchParams(await textOf(request)) : url.searchParams;
    const scopes = form.getAll('scope').flatMap((scope) => scope.split(' '));
    const header = request.headers.authorization;
    const named = header === basicOf(auth) || isRefresh(form, auth);
    this.asked.push({ method: request.method ?? '', scopes, named });
    if (!named && (header !== undefined || auth.anonymous !== true)) {
      return sendJson(response, 401, { details: 'incorrect username or password' });
    }
    const token = `token-${++this.#count}`;
    this.#valid.set(token, scopes);
    const expires = auth.expiresInSec === undefined ? {} : { expires_in: auth.expiresInSec };
    sendJson(response, 200, request.method === 'POST' ? { access_token: token, ...expires } : { token, ...expires });
  }

  #covers(header: string | undefined, scopes: readonly string[]): boolean {
    const granted = this.#valid.get(header?.replace(/^Bearer /, '') ?? '');
    return granted !== undefined && scopes.every((scope) => granted.some((other) => grants(other, scope)));
  }
}

function isRefresh(form: URLSearchParams, auth: ScriptedAuth): boolean {
  return auth.identityToken !== undefined && form.get('refresh_token') === auth.identityToken;
}

function basicOf({ user, password }: ScriptedAuth): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** `repository:a:pull,push` grants `repository:a:pull`. */
function grants(granted: string, wanted: string): boolean {
  const split = (scope: string): [string, string[]] => {
    const at = scope.lastIndexOf(':');
    return [scope.slice(0, at), scope.slice(at + 1).split(',')];
  };
  const [what, actions] = split(granted);
  const [needed, uses] = split(wanted);
  return what === needed && uses.every((use) => actions.includes(use));
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

export function sendJson(response: ServerResponse, status: number, value: unknown, mediaType?: string): void {
  response.writeHead(status, { 'Content-Type': mediaType ?? 'application/json' }).end(JSON.stringify(value));
}
