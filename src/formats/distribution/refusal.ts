import { engineError } from '../../errors/kinds.ts';
import { quoted } from '../../image/strict-json.ts';
import { type Answer, bodyOf } from './exchange.ts';
import { MayPass } from './may-pass.ts';
import { retryAfterMs } from './retry-after.ts';

const MOST_BYTES = 64 * 1024;

/** The error that an answer is (OCI distribution spec, "Error Codes"), to be thrown; MayPass when it may pass. */
export async function refusalOf(answer: Answer, what: string, now: number): Promise<Error> {
  const { status, url } = answer;
  const host = url.host;
  const { registryCode, text } = await reasonOf(answer);
  const said = `${host} answers ${status}${text === null ? '' : ` (${text})`} to ${what}`;
  const waitMs = retryAfterMs(answer.header('retry-after'), now);
  if (status === 429 || registryCode === 'TOOMANYREQUESTS') {
    const details = { host, status, ...(waitMs === null ? {} : { retryAfterSec: Math.ceil(waitMs / 1000) }) };
    const message = `${said}: too many requests; log in for more, or try again later`;
    return new MayPass(engineError('REGISTRY_RATE_LIMITED', message, details), { waitMs });
  }
  if (status === 408 || (status >= 500 && status !== 501 && status !== 505)) {
    return new MayPass(engineError('REGISTRY_UNAVAILABLE', `${said}; try again later`, { host, status }), { waitMs });
  }
  if (status === 407) {
    const message = `the proxy for ${host} wants a user and a password (407); give them in HTTP_PROXY`;
    return engineError('REGISTRY_UNREACHABLE', message, { host, reason: '407' });
  }
  if (status === 401 || status === 403) {
    return engineError('REGISTRY_UNAUTHORIZED', `${said}; log in to ${host}, or ask for the right to do this`, {
      host,
      status,
    });
  }
  if (status < 400) return engineError('REGISTRY_PROTOCOL', `${said}, which is no answer to that`, { host, status });
  return engineError('REGISTRY_REFUSED', said, {
    host,
    status,
    ...(registryCode === null ? {} : { registryCode }),
  });
}

async function reasonOf(answer: Answer): Promise<{ registryCode: string | null; text: string | null }> {
  try {
    const raw = await bodyOf(answer, MOST_BYTES, 'the error');
    const { errors } = JSON.parse(raw.toString()) as { errors?: { code?: unknown; message?: unknown }[] };
    const { code, message } = errors?.[0] ?? {};
    const registryCode = typeof code === 'string' && /^[\w-]{1,64}$/.test(code) ? code : null;
    // Some registries repeat the header they did not like.
    const said = typeof message === 'string' ? quoted(message.replace(/\b(bearer|basic) \S+/gi, '$1 …')) : null;
    return { registryCode, text: [registryCode, said].filter((part) => part !== null).join(': ') || null };
  } catch {
    return { registryCode: null, text: null };
  }
}
