import { printable } from '../../reporting/printable.ts';
import { destinationPlace } from './assemble.ts';
import type { BatchReport, ReportImage } from './report.ts';

/**
 * The report for a CI system: a suite for each destination, in it a test case for each image. What waits is skipped, what
 * has failed has its code as its type. The form is what Ant's JUnit task writes and Jenkins and GitLab read.
 */
export function junitXml(report: BatchReport): string {
  const suites = report.destinations.map(({ destination }) => suiteOf(destination, report));
  const cases = suites.flatMap((suite) => suite.cases);
  const counts = countsOf(cases);
  return `<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="layermill" ${counts} time="${report.totals.seconds.toFixed(3)}">
${suites.map((suite) => suiteXml(suite, report)).join('\n')}
</testsuites>
`;
}

interface Suite {
  name: string;
  cases: Case[];
}

interface Case {
  className: string;
  name: string;
  seconds: number;
  outcome: 'passed' | 'failure' | 'error' | 'skipped';
  /** What stands inside of the element. */
  content: string;
}

function suiteOf(destination: string, { images }: BatchReport): Suite {
  const own = images.filter((image) => destinationPlace(image.destination) === destination);
  return { name: destination, cases: own.map(caseOf) };
}

function caseOf(image: ReportImage): Case {
  const platform = image.platform === null || image.ref.endsWith(')') ? '' : ` (${image.platform})`;
  const content = [outcomeXml(image), warningsXml(image)].filter((part) => part !== '').join('\n');
  return {
    className: image.source,
    name: `${image.kind === 'image' ? '' : `${image.kind} `}${image.ref}${platform}`,
    seconds: image.seconds ?? 0,
    outcome: outcomeOf(image),
    content,
  };
}

/** A source that could not be read is an error: no image was tried. */
function outcomeOf({ state, place }: ReportImage): Case['outcome'] {
  if (state === 'failed') return place === null ? 'error' : 'failure';
  return state === 'done' ? 'passed' : 'skipped';
}

function outcomeXml(image: ReportImage): string {
  const { failure, attempts } = image;
  const outcome = outcomeOf(image);
  if (outcome === 'passed') return '';
  if (outcome === 'skipped') {
    const why = failure === null ? '' : `; its last attempt: ${failure.code}: ${failure.message}`;
    return `      <skipped message="${attribute(`not done yet${why}`)}"/>`;
  }
  const tried = `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}`;
  const { code, message } = failure ?? { code: 'INTERNAL', message: 'the ledger does not say why' };
  return `      <${outcome} type="${attribute(code)}" message="${attribute(message)}">${attribute(`${code}: ${message} (${tried})`)}</${outcome}>`;
}

function warningsXml({ warnings }: ReportImage): string {
  if (warnings.length === 0) return '';
  return `      <system-out>${warnings.map(attribute).join('\n')}</system-out>`;
}

function suiteXml({ name, cases }: Suite, { totals }: BatchReport): string {
  // Without a zone, as the form wants it; times are UTC.
  const started = totals.started === null ? '' : ` timestamp="${totals.started.slice(0, 19)}"`;
  const seconds = cases.reduce((sum, found) => sum + found.seconds, 0);
  return `  <testsuite name="${attribute(name)}" ${countsOf(cases)} skipped="${numberOf(cases, 'skipped')}" time="${seconds.toFixed(3)}"${started}>
${cases.map(caseXml).join('\n')}
  </testsuite>`;
}

function caseXml({ className, name, seconds, content }: Case): string {
  const start = `    <testcase classname="${attribute(className)}" name="${attribute(name)}" time="${seconds.toFixed(3)}"`;
  return content === '' ? `${start}/>` : `${start}>\n${content}\n    </testcase>`;
}

function countsOf(cases: readonly Case[]): string {
  return `tests="${cases.length}" failures="${numberOf(cases, 'failure')}" errors="${numberOf(cases, 'error')}"`;
}

const numberOf = (cases: readonly Case[], outcome: Case['outcome']): number =>
  cases.filter((found) => found.outcome === outcome).length;

/** Text that XML can hold (XML 1.0, section 2.2): of control characters and their like stands what they are. */
function attribute(text: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };
  return printable(text).replace(/[&<>"']/g, (char) => entities[char]!);
}
