import { counted } from '../../../reporting/counted.ts';
import { humanDuration } from '../../../reporting/human-duration.ts';
import { humanSize } from '../../../reporting/human-size.ts';
import { escaped, htmlPage, shown } from '../../../reporting/html-page.ts';
import type { BatchReport } from '../report.ts';
import { savedBytes } from '../sharing.ts';
import { countsText, factsOf, momentText, stageShares, throughputText, verdictOf } from '../wording.ts';
import { type Bar, barsOf, partsOf } from './bars.ts';
import { failuresSection } from './failures-section.ts';
import { imagesSection } from './images-section.ts';
import { STYLE } from './report-style.ts';
import { throughputChart } from './throughput-chart.ts';

/** The report as one page that needs nothing else and runs nothing. */
export function reportPage(report: BatchReport): string {
  const { is, headline, sentences } = verdictOf(report);
  const sections = [
    `<h1>layermill batch report</h1>
<p class="soft">layermill ${shown(report.layermill)}, ${momentText(report.at)} UTC</p>
<section class="card ${is}"><p><strong>${escaped(headline)}</strong></p><p>${sentences.map(escaped).join(' ')}</p></section>`,
    factsList(report),
    failuresSection(report),
    throughputSection(report),
    stagesSection(report),
    sharingSection(report),
    slowestSection(report),
    destinationsSection(report),
    ledgersSection(report),
    imagesSection(report),
  ];
  return htmlPage({
    title: `layermill: ${headline}`,
    style: STYLE,
    body: sections.filter((section) => section !== '').join('\n'),
  });
}

function factsList(report: BatchReport): string {
  const items = factsOf(report).map(
    ([name, value]) =>
      `<div${name === 'Ledger' ? ' class="whole"' : ''}><dt>${name}</dt><dd>${shown(value)}</dd></div>`,
  );
  return `<dl>${items.join('')}</dl>`;
}

function throughputSection(report: BatchReport): string {
  const chart = throughputChart(report);
  if (chart === '') return '';
  const legend: Legend = [
    ['is-all', 'layers that were finished, by their bytes in the source'],
    ['is-sent', 'sent or written'],
  ];
  if (report.throughput.buckets.some(({ failed }) => failed > 0)) legend.push(['is-bad', 'attempts failed']);
  return `<section><h2>Throughput</h2>
${legendOf(legend)}
${chart}
<p class="soft">${escaped(throughputText(report))}</p></section>`;
}

type Legend = [kind: string, text: string][];

function legendOf(legend: Legend): string {
  return `<p class="legend">${legend.map(([kind, text]) => `<span><i class="${kind}"></i>${text}</span>`).join(' ')}</p>`;
}

function stagesSection(report: BatchReport): string {
  const bars = stageShares(report).map(({ stage, ms, text }): Bar => ({ name: stage, amount: ms, value: text }));
  if (bars.length === 0) return '';
  return `<section class="stages"><h2>Time by stage</h2><p class="soft">Work of all threads together; “wait” is for others, a turn or a host.</p>${barsOf(bars, 'is-sent', 'short')}</section>`;
}

function sharingSection({ totals, sharing, layers }: BatchReport): string {
  const { logicalBytes, distinctBytes, sharedBytes } = totals;
  if (sharedBytes === 0) return '';
  const share = ((100 * sharedBytes) / logicalBytes).toFixed(0);
  const parts = partsOf(
    [
      { kind: 'is-sent', amount: Math.min(distinctBytes, logicalBytes) },
      { kind: 'is-saved', amount: sharedBytes },
    ],
    `${humanSize(distinctBytes)} distinct, ${humanSize(sharedBytes)} saved`,
  );
  const bars = sharing.layers.map((place): Bar => {
    const layer = layers[place]!;
    return {
      name: `<code>${shortDigest(layer.digest)}</code>, ${humanSize(layer.size)} in ${layer.uses} images`,
      amount: savedBytes(layer),
      value: humanSize(savedBytes(layer)),
    };
  });
  const most = bars.length === 0 ? '' : `<h3>Layers that save most</h3>${barsOf(bars, 'is-saved', 'long')}`;
  return `<section class="sharing"><h2>Sharing</h2>
${legendOf([
  ['is-sent', `${humanSize(distinctBytes)} of distinct layers, handled once`],
  ['is-saved', `${humanSize(sharedBytes)} (${share} %) that sharing saves`],
])}
${parts}
${bandsTable(sharing.bands)}${most}</section>`;
}

/** Twelve characters of the hash, as people see ids everywhere. */
function shortDigest(digest: string): string {
  return shown(digest.slice(digest.indexOf(':') + 1, digest.indexOf(':') + 13));
}

function bandsTable(bands: BatchReport['sharing']['bands']): string {
  if (!bands.some(({ from }) => from > 1)) return '';
  const rows = bands.map(({ from, to, layers, bytes, savedBytes: saved }) => {
    const range = to === null ? `${from} or more` : from === to ? String(from) : `${from}–${to}`;
    return `<tr><td>${range}</td><td>${layers}</td><td>${humanSize(bytes)}</td><td>${humanSize(saved)}</td></tr>`;
  });
  return `<div class="wide"><table><thead><tr><th>used by images</th><th>layers</th><th>bytes</th><th>saved</th></tr></thead><tbody>${rows.join('')}</tbody></table></div>`;
}

function slowestSection({ slowest, images, layers }: BatchReport): string {
  if (slowest.images.length + slowest.layers.length < 2) return '';
  const imageBars = slowest.images.map((place): Bar => {
    const { ref, bytes, seconds } = images[place]!;
    return { name: `${shown(ref)}, ${humanSize(bytes)}`, amount: seconds!, value: humanDuration(seconds!) };
  });
  const layerBars = slowest.layers.map((place): Bar => {
    const { digest, size, seconds, image } = layers[place]!;
    const from = image === null ? '' : ` of ${shown(images[image]!.ref)}`;
    const name = `<code>${shortDigest(digest)}</code>${from}, ${humanSize(size)}`;
    return { name, amount: seconds!, value: humanDuration(seconds!) };
  });
  return `<section><h2>What took longest</h2><div class="pair">
<div><h3>Images, with the layers that were read from them</h3>${barsOf(imageBars, 'is-sent', 'long')}</div>
<div><h3>Layers</h3>${barsOf(layerBars, 'is-sent', 'long')}</div></div></section>`;
}

function destinationsSection({ destinations }: BatchReport): string {
  if (destinations.length < 2) return '';
  const rows = destinations.map(
    ({ destination, images, layers, bytes, sent }) =>
      `<tr><td>${shown(destination)}</td><td>${images.done} of ${images.total}</td><td>${images.failed}</td><td>${layers.total}</td><td>${humanSize(bytes)}</td><td>${humanSize(sent)}</td></tr>`,
  );
  return `<section><h2>Destinations</h2><div class="wide tall"><table><thead><tr><th>destination</th><th>images done</th><th>failed</th><th>layers</th><th>bytes</th><th>sent</th></tr></thead><tbody>${rows.join('\n')}</tbody></table></div></section>`;
}

function ledgersSection({ ledgers, duplicates, images }: BatchReport): string {
  if (ledgers.length < 2) return '';
  const rows = ledgers.map(
    ({ location, images: counts, sentBytes, sittings }) =>
      `<tr><td>${shown(location)}</td><td class="text">${countsText(counts)}</td><td>${humanSize(sentBytes)}</td><td>${sittings.length}</td></tr>`,
  );
  const twice = duplicates.map(({ image, ledgers: several }) => {
    const where = several.map((place) => shown(ledgers[place]!.location)).join(', ');
    return `<li>${shown(images[image]!.ref)}: ${where}</li>`;
  });
  const told =
    twice.length === 0
      ? ''
      : `<details><summary>${counted(twice.length, 'image')} in more than one of them; the furthest result counts</summary><ul>${twice.join('')}</ul></details>`;
  return `<section><h2>Ledgers</h2><div class="wide tall"><table><thead><tr><th>ledger</th><th class="text">images</th><th>sent</th><th>sittings</th></tr></thead><tbody>${rows.join('\n')}</tbody></table></div>${told}</section>`;
}
