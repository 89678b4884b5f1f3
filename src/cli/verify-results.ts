import {
  type Finding,
  findingLine,
  isMismatch,
  type VerifiedImage,
  type VerifyContext,
  type VerifyLevel,
} from '../batch/verify/verified-image.ts';
import type { FormatContext } from '../formats/context.ts';
import { humanSize } from '../reporting/human-size.ts';
import { fitted, printable } from '../reporting/printable.ts';
import { combineExitCodes, EXIT, type ExitCode, exitCodeOf } from './exit-codes.ts';
import type { Session } from './session.ts';
import { shortId } from './terminal.ts';

/** A verification: what it works with, and how far it is, which is shown until `finish` is called. */
export interface TrackedVerify {
  context: VerifyContext;
  note(result: VerifiedImage): void;
  finish(): void;
}

/** `images`: how many there will be, where that is known before. */
export function trackVerify(
  session: Session,
  label: string,
  formats: FormatContext,
  images: number | null = null,
): TrackedVerify {
  let [bytes, seen, bad] = [0, 0, 0];
  const text = (): string => {
    const count = images === null ? `${seen} images` : `${seen}/${images} images`;
    const wrong = bad === 0 ? '' : `, ${bad} not good`;
    return `${printable(label)}: ${count} looked at${wrong}, ${humanSize(Number(bytes.toPrecision(3)))} read`;
  };
  const finish = session.progress.show({
    frame: (columns) => [fitted(text(), columns - 1)],
    line: () => `layermill: ${text()}`,
  });
  const { jobs } = session.settings;
  const context: VerifyContext = {
    formats: { ...formats, signal: session.signal },
    // Most of the time of an image in a registry is spent waiting.
    jobs: jobs === 'auto' ? 16 : jobs,
    onBytes: (more) => {
      bytes += more;
    },
    onWarning: (message) => session.log.warn(message),
  };
  const note = ({ findings }: VerifiedImage): void => {
    seen += 1;
    if (findings.length > 0) bad += 1;
  };
  return { context, note, finish };
}

/** Prints each result as it comes. Answers the exit code, and the images that are not what they should be. */
export async function tellVerified(
  session: Session,
  level: VerifyLevel,
  results: AsyncIterable<VerifiedImage>,
  { note }: Pick<TrackedVerify, 'note'>,
): Promise<{ code: ExitCode; bad: VerifiedImage[] }> {
  const codes: ExitCode[] = [];
  const bad: VerifiedImage[] = [];
  for await (const result of results) {
    note(result);
    codes.push(codeOf(result));
    if (result.findings.length > 0) bad.push(result);
    if (session.json) session.out.json(lineOf(result, level));
    else session.out.line(textOf(result));
  }
  return { code: combineExitCodes(codes), bad };
}

function codeOf({ findings }: VerifiedImage): ExitCode {
  if (findings.some(isMismatch)) return EXIT.mismatch;
  return combineExitCodes(findings.map(({ error }) => exitCodeOf(error, 'image')));
}

/** One image as `--json` prints it. */
function lineOf(result: VerifiedImage, level: VerifyLevel): object {
  const { destination, ref, names, digest, kind, blobs, bytes, findings, damaged } = result;
  const state = stateOf(result);
  return {
    destination,
    ref,
    names,
    digest,
    kind,
    level,
    state,
    blobs,
    bytes,
    findings: findings.map(findingLine),
    damaged,
  };
}

/** `unknown`: nobody could look. */
function stateOf({ findings }: VerifiedImage): 'good' | 'bad' | 'unknown' {
  if (findings.length === 0) return 'good';
  return findings.some(isMismatch) ? 'bad' : 'unknown';
}

function textOf(result: VerifiedImage): string {
  const { ref, digest, blobs, bytes, findings } = result;
  const called = printable(ref);
  const id = digest === null ? '' : `  ${shortId(digest)}`;
  const held = blobs === 0 ? '' : `  ${blobs} ${blobs === 1 ? 'blob' : 'blobs'}, ${humanSize(bytes)}`;
  return [`${stateOf(result).padEnd(7)}  ${called}${id}${held}`, ...findings.map(findingText)].join('\n');
}

function findingText({ error, place }: Finding): string {
  return `         ${error.code}: ${printable(error.message)} (${printable(place)})`;
}
