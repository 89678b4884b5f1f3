import { type ChildProcess, spawn } from 'node:child_process';
import * as v from 'valibot';
import { engineError } from '../../errors/kinds.ts';
import { errnoOf } from '../../errors/system-error.ts';
import { quoted } from '../../image/strict-json.ts';
import type { Credentials } from './access-types.ts';
import { badFile } from './small-file.ts';

/** A helper may ask a person for a passphrase. */
const TIMEOUT_MS = 60_000;
/** Tokens have some kilobytes. */
const ANSWER_BYTES = 256 * 1024;

const ANSWER = v.object({ Username: v.string(), Secret: v.string() });

export interface HelperQuestion {
  /** NAME of `docker-credential-NAME`. */
  helper: string;
  server: string;
  /** The file that names the helper. */
  file: string;
  env: NodeJS.ProcessEnv;
  timeoutMs?: number;
}

/**
 * Asks `docker-credential-NAME get` who one is at a server (the protocol of docker-credential-helpers); null when it
 * does not know. Nothing that it prints is ever shown. Throws PROGRAM_MISSING or CREDENTIAL_HELPER_FAILED.
 */
export async function askHelper(question: HelperQuestion): Promise<Credentials | null> {
  const { helper, file } = question;
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(helper)) {
    throw badFile(file, 'credsStore', `${quoted(helper)} is no name of a credential helper`);
  }
  const { answer, exitCode } = await run(question);
  if (/credentials not found/i.test(answer)) return null;
  if (exitCode !== 0) throw failed(question, `it ended with exit code ${exitCode}`);
  return decodeAnswer(answer, question);
}

function decodeAnswer(answer: string, question: HelperQuestion): Credentials | null {
  const result = v.safeParse(ANSWER, parse(answer));
  if (!result.success) throw failed(question, 'its answer is not the JSON that helpers give');
  const { Username: username, Secret: secret } = result.output;
  if (secret === '') return null;
  return username === '<token>' ? { identityToken: secret } : { username, password: secret };
}

function parse(answer: string): unknown {
  try {
    return JSON.parse(answer);
  } catch {
    return undefined;
  }
}

async function run(question: HelperQuestion): Promise<{ answer: string; exitCode: number }> {
  const { helper, server, env, timeoutMs = TIMEOUT_MS } = question;
  const child = spawn(`docker-credential-${helper}`, ['get'], { stdio: ['pipe', 'pipe', 'ignore'], env });
  const timer = setTimeout(() => stop(child), timeoutMs);
  try {
    const ended = exitOf(child);
    // A helper that does not want to read its question still answers by its exit code.
    child.stdin.on('error', () => {}).end(server);
    const answer = await collect(child);
    const exitCode = await ended;
    if (exitCode === null) throw failed(question, `it gave no whole answer in ${Math.ceil(timeoutMs / 1000)} seconds`);
    return { answer, exitCode };
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') throw missing(question);
    if (errnoOf(error) !== undefined) throw failed(question, `it could not be run (${errnoOf(error)})`);
    throw error;
  } finally {
    clearTimeout(timer);
    stop(child);
  }
}

/** Kills it, and lets go of a pipe that a child of it may hold open. */
function stop(child: ChildProcess): void {
  child.kill('SIGKILL');
  child.stdout?.destroy();
}

/** Null for one that was killed. */
function exitOf(child: ChildProcess): Promise<number | null> {
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject).once('exit', resolve);
  });
  // Whoever awaits the answer first may have gone by the time this fails.
  ended.catch(() => {});
  return ended;
}

async function collect(child: ChildProcess): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  await new Promise<void>((resolve) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= ANSWER_BYTES) chunks.push(chunk);
      else stop(child);
    });
    child.stdout?.once('close', resolve);
  });
  return Buffer.concat(chunks).toString();
}

function missing({ helper, file }: HelperQuestion): Error {
  const program = `docker-credential-${helper}`;
  return engineError(
    'PROGRAM_MISSING',
    `${quoted(file)} wants ${program}, which is not in PATH: install it, take it out of the file, or use --no-creds`,
    { program, package: program },
  );
}

function failed({ helper, server, file }: HelperQuestion, problem: string): Error {
  const program = `docker-credential-${helper}`;
  return engineError(
    'CREDENTIAL_HELPER_FAILED',
    `${program}, which ${quoted(file)} names, gave no credentials for ${quoted(server)}: ${problem}; see whether \`${program} list\` works`,
    { helper, server },
  );
}
