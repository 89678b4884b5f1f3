import { entrantName } from '../bench/figures.ts';
import { type BenchCase, type Entrant, caseName } from '../bench/report.ts';
import type { ProgressStyle } from '../reporting/progress.ts';
import { fitted } from '../reporting/printable.ts';
import { resultTable } from './bench-text.ts';

export interface Screen {
  write: (text: string) => void;
  columns?: number | undefined;
  rows?: number | undefined;
}

/** Shows a bench while it runs. */
export interface LiveBench {
  step(what: string): void;
  change(state: BenchCase, running: Entrant | null): void;
  /** Takes the table away: the results follow. */
  close(): void;
}

/** On a terminal a table that grows; elsewhere a line for each run, or an event. */
export function liveBench(style: ProgressStyle, screen: Screen): LiveBench {
  switch (style) {
    case 'none':
      return { step: () => {}, change: () => {}, close: () => {} };
    case 'bar':
      return liveTable(screen);
    case 'plain':
      return lines((what) => screen.write(`${what}\n`), plainRun);
    case 'json':
      return lines((what) => screen.write(`${JSON.stringify({ event: 'step', what })}\n`), jsonRun);
  }

  function lines(step: (what: string) => void, run: (state: BenchCase, index: number) => string): LiveBench {
    const told = new Map<object, number>();
    return {
      step,
      change: (state) => {
        for (const [index, entrant] of state.entrants.entries()) {
          if (entrant.samples.length <= (told.get(entrant) ?? 0)) continue;
          told.set(entrant, entrant.samples.length);
          screen.write(`${run(state, index)}\n`);
        }
      },
      close: () => {},
    };
  }
}

function plainRun(state: BenchCase, index: number): string {
  const entrant = state.entrants[index]!;
  const { seconds } = entrant.samples.at(-1)!;
  const rate = (state.work.bytes / 1e6 / seconds).toFixed(0);
  return `${caseName(state)}, ${entrantName(entrant)}, round ${entrant.samples.length}: ${seconds.toFixed(2)} s, ${rate} MB/s`;
}

function jsonRun(state: BenchCase, index: number): string {
  const { tool, threads, samples } = state.entrants[index]!;
  return JSON.stringify({
    event: 'run',
    case: caseName(state),
    tool,
    threads,
    round: samples.length,
    ...samples.at(-1),
  });
}

/** The last rows of the table that fit the screen, and a line that says what goes on, drawn again for each change. */
function liveTable(screen: Screen): LiveBench {
  const cases: BenchCase[] = [];
  let drawn = 0;
  let doing = '';
  const erase = (): void => {
    if (drawn > 0) screen.write(`\u001b[${drawn}A\r\u001b[J`);
    drawn = 0;
  };
  const draw = (): void => {
    erase();
    const rows = screen.rows || 24;
    const [title = '', ...body] = cases.length === 0 ? [] : resultTable(cases).split('\n');
    const shown = [title, ...body.slice(-(rows - 3)), doing].filter((line) => line !== '');
    const lines = shown.map((line) => fitted(line, (screen.columns || 80) - 1));
    screen.write(lines.map((line) => `${line}\n`).join(''));
    drawn = lines.length;
  };
  return {
    step: (what) => {
      doing = `${what} …`;
      draw();
    },
    change: (state, running) => {
      if (!cases.includes(state)) cases.push(state);
      const round = running === null || running.samples.length === 0 ? '' : `, round ${running.samples.length + 1}`;
      doing = running === null ? '' : `running ${caseName(state)}, ${entrantName(running)}${round} …`;
      draw();
    },
    close: erase,
  };
}
