import { shown } from '../../../reporting/html-page.ts';
import type { BatchReport, FailureGroup } from '../report.ts';
import { CLASS_TEXTS, failuresOf, groupText } from '../wording.ts';

/** Of more failures of one kind only the number is told: the images below have them all. */
const LISTED = 100;

export function failuresSection(report: BatchReport): string {
  if (report.failures.length === 0) return '';
  const groups = report.failures.map((group) => groupOf(group, report));
  return `<section><h2>What failed, and what to do</h2>${groups.join('\n')}</section>`;
}

function groupOf(group: FailureGroup, report: BatchReport): string {
  const [text, mark] = [CLASS_TEXTS[group.class], group.class === 'permanent' ? 'bad' : 'warn'];
  const lines = failuresOf(group, report);
  const more = lines.length <= LISTED ? '' : `<p class="soft">… and ${lines.length - LISTED} more</p>`;
  const list = lines
    .slice(0, LISTED)
    .map(({ what, why }) => `<li><strong>${shown(what)}</strong>: ${shown(why)}</li>`)
    .join('');
  return `<div class="failure"><h3>${shown(group.code)} <span class="mark ${mark}">${text}</span></h3>
<p>${groupText(group)}: ${shown(group.advice)}.</p>
<details${lines.length <= 5 ? ' open' : ''}><summary>Which</summary><ul>${list}</ul>${more}</details></div>`;
}
