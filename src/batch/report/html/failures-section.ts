import { counted } from '../../../reporting/counted.ts';
import { shown } from '../../../reporting/html-page.ts';
import type { FailureClass } from '../../ledger/ledger.ts';
import type { BatchReport, FailureGroup } from '../report.ts';

/** Of more failures of one kind only the number is told: the images below have them all. */
const LISTED = 100;

const CLASS_TEXT: Readonly<Record<FailureClass, { text: string; mark: string }>> = {
  passing: { text: 'may pass', mark: 'warn' },
  permanent: { text: 'will not pass by itself', mark: 'bad' },
  resource: { text: 'the machine lacks something', mark: 'warn' },
};

export function failuresSection(report: BatchReport): string {
  if (report.failures.length === 0) return '';
  const groups = report.failures.map((group) => groupOf(group, report));
  return `<section><h2>What failed, and what to do</h2>${groups.join('\n')}</section>`;
}

function groupOf(group: FailureGroup, report: BatchReport): string {
  const { text, mark } = CLASS_TEXT[group.class];
  const lines = linesOf(group, report);
  const more = lines.length <= LISTED ? '' : `<p class="soft">… and ${lines.length - LISTED} more</p>`;
  const list = lines
    .slice(0, LISTED)
    .map((line) => `<li>${line}</li>`)
    .join('');
  return `<div class="failure"><h3>${shown(group.code)} <span class="mark ${mark}">${text}</span></h3>
<p>${countsText(group)}: ${shown(group.advice)}.</p>
<details${lines.length <= 5 ? ' open' : ''}><summary>Which</summary><ul>${list}</ul>${more}</details></div>`;
}

function countsText({ images, layers, sources }: FailureGroup): string {
  const parts = [
    ...(images.length > 0 ? [counted(images.length, 'image')] : []),
    ...(layers.length > 0 ? [counted(layers.length, 'layer')] : []),
    ...(sources.length > 0 ? [counted(sources.length, 'source')] : []),
  ];
  return parts.join(', ');
}

/** Layers fail on the way to their images, and are told when no image failed of the same. */
function linesOf(group: FailureGroup, { images, layers, sourceFailures }: BatchReport): string[] {
  const lines = [
    ...group.images.map((place) => {
      const { ref, failure } = images[place]!;
      return `<strong>${shown(ref)}</strong>: ${shown(failure?.message ?? '')}`;
    }),
    ...group.sources.map((place) => {
      const { location, message } = sourceFailures[place]!;
      return `<strong>${shown(location)}</strong>: ${shown(message)}`;
    }),
  ];
  if (lines.length > 0) return lines;
  return group.layers.map((place) => {
    const { digest, failure } = layers[place]!;
    return `<code>${shown(digest)}</code>: ${shown(failure?.message ?? '')}`;
  });
}
