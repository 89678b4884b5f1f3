import { equalityText } from '../../../coordinator/copy/equality.ts';
import { counted } from '../../../reporting/counted.ts';
import { humanDuration } from '../../../reporting/human-duration.ts';
import { humanSize } from '../../../reporting/human-size.ts';
import { shown } from '../../../reporting/html-page.ts';
import type { BatchReport, ReportImage, ReportState } from '../report.ts';

/** Rows of one table: a browser lays out only the tables that are open. */
const ROWS = 250;

/** So few are shown without asking. */
const OPEN = 50;

const STATES: readonly [state: ReportState, title: string][] = [
  ['failed', 'Failed'],
  ['begun', 'Begun'],
  ['waiting', 'Waiting'],
  ['done', 'Done'],
];

/** Every image; what needs somebody comes first. */
export function imagesSection({ images, destinations }: BatchReport): string {
  if (images.length === 0) return '';
  const withDestination = destinations.length > 1;
  const groups = STATES.flatMap(([state, title]) => {
    const own = images.filter((image) => image.state === state);
    return chunksOf(own).map(({ from, rows }) => tableOf(title, from, rows, own.length, withDestination));
  });
  return `<section><h2>Images</h2>
<p class="soft">Digests of manifests in the source and in the destination; they are cut here, but can be searched for and copied whole.</p>
${groups.join('\n')}</section>`;
}

function chunksOf(images: readonly ReportImage[]): { from: number; rows: ReportImage[] }[] {
  const starts = Array.from({ length: Math.ceil(images.length / ROWS) }, (_, chunk) => chunk * ROWS);
  return starts.map((from) => ({ from, rows: images.slice(from, from + ROWS) }));
}

function tableOf(
  title: string,
  from: number,
  rows: readonly ReportImage[],
  all: number,
  withDestination: boolean,
): string {
  const part = all > ROWS ? ` ${from + 1}–${from + rows.length} of ${all}` : ` (${all})`;
  const names = all > ROWS ? `: ${shown(rows[0]!.ref)} … ${shown(rows.at(-1)!.ref)}` : '';
  const open = from === 0 && all <= OPEN ? ' open' : '';
  const body = rows.map((image) => rowOf(image, withDestination)).join('\n');
  return `<details${open}><summary>${title}${part}${names}</summary><div class="wide tall"><table class="images"><thead><tr><th>image</th><th>layers</th><th>time</th><th class="text">before → after</th><th class="text">result</th></tr></thead><tbody>
${body}
</tbody></table></div></details>`;
}

function rowOf(image: ReportImage, withDestination: boolean): string {
  const { kind, place, bytes, seconds } = image;
  const size = kind === 'index' || place === null ? '' : humanSize(bytes);
  const time = seconds === null ? '' : humanDuration(seconds);
  return `<tr><td>${nameCell(image, withDestination)}</td><td>${size}</td><td>${time}</td><td class="text">${digestsCell(image)}</td><td class="text">${resultCell(image)}</td></tr>`;
}

function nameCell({ kind, ref, names, source, destination, platform }: ReportImage, withDestination: boolean): string {
  const about = [
    ...(kind === 'image' ? [] : [kind]),
    ...(platform === null ? [] : [platform]),
    ...(source === ref ? [] : [source]),
    ...(withDestination ? [`→ ${destination}`] : []),
    ...(names.length === 0 || (names.length === 1 && names[0] === ref) ? [] : [`as ${names.join(', ')}`]),
  ];
  return `<strong>${shown(ref)}</strong><small>${about.map(shown).join(' · ')}</small>`;
}

function digestsCell({ state, sourceDigest, digest }: ReportImage): string {
  const code = (text: string): string => `<code class="digest" title="${shown(text)}">${shown(text)}</code>`;
  if (sourceDigest === null && digest === null) return '';
  const digests = sourceDigest === digest || state !== 'done' ? [sourceDigest ?? digest] : [sourceDigest, digest];
  return digests.map((text) => (text === null ? '<span class="soft">no manifest</span>' : code(text))).join('');
}

function resultCell(image: ReportImage): string {
  const { state, equality, attempts, warnings, failure } = image;
  const told = [
    ...(state === 'done' && equality !== null ? [equalityText(equality)] : []),
    ...(attempts > 1 ? [counted(attempts, 'attempt')] : []),
  ];
  const why =
    state === 'done' || failure === null ? '' : `<small>${shown(`${failure.code}: ${failure.message}`)}</small>`;
  const rest = told.length === 0 ? '' : `<small>${told.map(shown).join('; ')}</small>`;
  return `<span class="state ${state}">${state}</span>${rest}${why}${warningsOf(warnings)}`;
}

function warningsOf(warnings: readonly string[]): string {
  if (warnings.length === 0) return '';
  const items = warnings.map((warning) => `<li>${shown(warning)}</li>`).join('');
  return `<details><summary>${counted(warnings.length, 'warning')}</summary><ul>${items}</ul></details>`;
}
