import { type Compared, VERDICTS } from './compare-reports.ts';
import { corpusLine, entrantName, figureCells, figuresOf, rangeOf } from './figures.ts';
import { counted } from '../reporting/counted.ts';
import { parsePackingName } from './grid.ts';
import { escaped, htmlPage } from '../reporting/html-page.ts';
import { barsOf, widestRate } from './html-bars.ts';
import { STYLE } from './html-style.ts';
import { peerRatios } from './peer-ratios.ts';
import { type BenchCase, type BenchReport, OURS, SCENARIOS, type ScenarioName, caseName } from './report.ts';

const ABOUT: Record<ScenarioName, string> = {
  register: 'Images into a new store: read, check, unpack, record and commit every layer.',
  create: 'A new image from a directory.',
  diff: 'A whole file tree compared with its parent; the difference becomes an image.',
  layer: 'The largest layer out of the store, as one file.',
  export: 'All images out of the store: plain into a docker-archive, packed into an OCI layout.',
  copy: 'An archive to an OCI layout, without the store: layers are packed from where they are.',
};

/** The report as one page that needs nothing else: no scripts, no fonts, no pictures from elsewhere. */
export function reportPage(report: BenchReport, compared: Compared | null = null): string {
  const body = `<h1>layermill bench</h1>
<p class="soft">layermill ${escaped(report.layermill)}, ${escaped(report.started.slice(0, 16).replace('T', ' '))} UTC</p>
${bestCard(report)}
${factsList(report)}
<p class="legend"><i class="is-ours"></i>layermill<i class="is-peer"></i>other tools. A bar is the median of ${counted(report.rounds, 'round')}, the line on it reaches from the slowest to the fastest round. Bytes are those of the unpacked tars.</p>
${SCENARIOS.map((scenario) => scenarioSection(scenario, report.cases)).join('\n')}
${peersSection(report)}
${compared === null ? '' : comparedSection(compared)}
${commandsSection(report)}
<h2>To know</h2>
<ul>${report.notes.map((note) => `<li>${escaped(note)}</li>`).join('')}</ul>`;
  return htmlPage({ title: `layermill bench: ${report.machine.cpu}`, style: STYLE, body });
}

function bestCard({ best }: BenchReport): string {
  const lines = best.sentences.map((sentence) => `<p>${withFlags(sentence)}</p>`).join('');
  return lines === '' ? '' : `<section class="card"><h2>Best for this machine</h2>${lines}</section>`;
}

/** Flags stand out. */
function withFlags(sentence: string): string {
  return escaped(sentence).replace(/--\w+ [\w:]+(?<!:)(?: --\w+ [\w:]+(?<!:))*/g, '<code>$&</code>');
}

function factsList({ machine, corpus, rounds, cache, work, peers }: BenchReport): string {
  const facts: [string, string][] = [
    ['Machine', `${machine.cpu}, ${counted(machine.cores, 'core')}, ${(machine.memoryBytes / 1e9).toFixed(0)} GB`],
    ['System', `Linux ${machine.kernel}, Node ${machine.node}`],
    ['Images', corpusLine(corpus)],
    ['Rounds', `${rounds}, everyone in turn; stores and outputs on ${work.fileSystem}`],
    ['Cache', cache.done],
    ['Beside', peers.length === 0 ? 'nobody' : peers.map(({ tool, version }) => `${tool} ${version}`).join(', ')],
  ];
  return `<dl>${facts.map(([name, value]) => `<div><dt>${name}</dt><dd>${escaped(value)}</dd></div>`).join('')}</dl>`;
}

function scenarioSection(scenario: ScenarioName, all: readonly BenchCase[]): string {
  const cases = all.filter((found) => found.scenario === scenario);
  if (cases.length === 0) return '';
  const widest = widestRate(cases);
  const charts = cases.map(
    (found) => `${found.packing === null ? '' : `<h3>${packingTitle(found.packing)}</h3>`}${barsOf(found, widest)}`,
  );
  return `<section><h2>${scenario}</h2><p class="soft">${ABOUT[scenario]}</p>
${charts.join('\n')}
<details><summary>Numbers</summary>${numbersTable(cases)}</details></section>`;
}

/** `gzip:4` → `gzip, level 4`. */
function packingTitle(packing: string): string {
  if (packing === 'none') return 'not packed';
  const { compression, level } = parsePackingName(packing);
  return `${escaped(compression)}, level ${level}`;
}

function numbersTable(cases: readonly BenchCase[]): string {
  const titles = ['', 'tool', 'seconds', 'min–max', 'MB/s', 'entries/s', 'images/s', 'ratio', 'CPU s', 'peak MB'];
  const rows = cases.flatMap((found) =>
    found.entrants.flatMap((entrant) => {
      const figures = figuresOf(found, entrant);
      return figures === null ? [] : [[caseName(found), entrantName(entrant), ...figureCells(figures)]];
    }),
  );
  return tableOf(titles, rows);
}

/** The second column is text, as the first one is; the others are numbers. */
function tableOf(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cell: 'td' | 'th', row: readonly string[]): string =>
    `<tr>${row.map((text, at) => `<${cell}${at === 1 ? ' class="text"' : ''}>${escaped(text)}</${cell}>`).join('')}</tr>`;
  const body = rows.map((row) => line('td', row)).join('');
  return `<div class="wide"><table><thead>${line('th', titles)}</thead><tbody>${body}</tbody></table></div>`;
}

function comparedSection({ file, rows, caveats }: Compared): string {
  const titles = ['', 'tool', 'before s', 'now s', 'time', 'size', ''];
  const cells = rows.map(({ name, before, after, ratio, size, verdict, ...entrant }) => [
    name,
    entrantName(entrant),
    before.median.toFixed(2),
    after.median.toFixed(2),
    `${ratio.toFixed(2)} ×`,
    size === null ? '' : `${size.toFixed(3)} ×`,
    VERDICTS[verdict],
  ]);
  return `<section><h2>Beside an older report</h2><p class="soft">${escaped(file)}. ${caveats.map(escaped).join(' ')}</p>
${tableOf(titles, cells)}</section>`;
}

function peersSection({ cases }: BenchReport): string {
  const ratios = peerRatios(cases, OURS);
  if (ratios.length === 0) return '';
  const rows = ratios.map(({ scenario, packing, tool, times, size, differs }) => {
    const strong = times.median > 1 ? ' class="times"' : '';
    return `<tr><td>${escaped(caseName({ scenario, packing }))}</td><td class="text">${escaped(tool)}</td><td><strong${strong}>${times.median.toFixed(2)} ×</strong></td><td>${rangeOf(times)}</td><td>${size === null ? '' : `${size.toFixed(3)} ×`}</td><td class="text note">${escaped(differs ?? '')}</td></tr>`;
  });
  return `<section><h2>Beside other tools</h2>
<p class="soft">Their time and the size of what they made, as multiples of layermill's with the most threads, round by round: above 1 they took longer.</p>
<div class="wide"><table><thead><tr><th>work</th><th class="text">tool</th><th>time</th><th>min–max</th><th>size</th><th class="text">what is not the same</th></tr></thead><tbody>${rows.join('')}</tbody></table></div></section>`;
}

function commandsSection({ cases, work }: BenchReport): string {
  const blocks = cases.map((found) => {
    const lines = found.entrants.flatMap(({ commands }) => commands);
    return `<h3>${escaped(caseName(found))}</h3><pre>${escaped(lines.join('\n'))}</pre>`;
  });
  return `<h2>Commands</h2><details><summary>As they were run; RUN is a new directory each time, WORK is ${escaped(work.path)}</summary>${blocks.join('')}</details>`;
}
