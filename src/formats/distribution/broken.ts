import type { EngineError } from '../../errors/engine-error.ts';
import { engineError, isEngineError } from '../../errors/kinds.ts';
import { cancelled } from '../../streams/abort.ts';
import { MayPass } from './may-pass.ts';

/** A body that does not come, or comes so slowly that it never will. */
export class Idle extends Error {
  readonly code = 'IDLE';
}

const NO_TLS = new Set(['ERR_SSL_WRONG_VERSION_NUMBER', 'ERR_SSL_PACKET_LENGTH_TOO_LONG', 'EPROTO']);
const CERTIFICATE = /CERT|^UNABLE_TO_|^ERR_TLS_|_CRL_|^INVALID_CA$|^PATH_LENGTH_EXCEEDED$/;

/** What a failed request throws: CANCELLED, an error of ours as it is, REGISTRY_UNTRUSTED, or what may pass. */
export function brokenBy(error: unknown, host: string, signal: AbortSignal | undefined): Error {
  if (isEngineError(error) || error instanceof MayPass) return error;
  if (signal?.aborted === true) return cancelled(signal);
  const reason = codeIn(error);
  if (reason === null) return error instanceof Error ? error : new Error(String(error));
  if (NO_TLS.has(reason)) {
    const message = `${host} does not answer by TLS (${reason}); if plain HTTP is wanted, allow it with --src-tls-verify=false or --dest-tls-verify=false`;
    return engineError('REGISTRY_UNTRUSTED', message, { host, reason }, error);
  }
  if (CERTIFICATE.test(reason)) {
    const message = `the certificate of ${host} is not trusted (${reason}); put the certificate of its authority into certs.d or --cert-dir`;
    return engineError('REGISTRY_UNTRUSTED', message, { host, reason }, error);
  }
  // A name that does not exist will not exist in a second.
  if (reason === 'ENOTFOUND') return unreachable(host, reason, `there is no host ${host}; check the name`, error);
  const message =
    reason === 'IDLE'
      ? `${host} sends nothing any more; try again later`
      : `the connection to ${host} failed (${reason}); check the network and try again`;
  return new MayPass(unreachable(host, reason, message, error));
}

function unreachable(host: string, reason: string, message: string, cause: unknown): EngineError {
  return engineError('REGISTRY_UNREACHABLE', message, { host, reason }, cause);
}

function codeIn(error: unknown): string | null {
  const { code, cause } = error as { code?: unknown; cause?: unknown };
  // An argument that undici refuses is a mistake of ours, not of the network.
  if (typeof code !== 'string' || code === 'UND_ERR_INVALID_ARG') return null;
  const inner = cause instanceof Error ? codeIn(cause) : null;
  return code.startsWith('UND_ERR') ? (inner ?? code) : code;
}
