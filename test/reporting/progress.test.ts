import { describe, expect, it, vi } from 'vitest';
import { type ProgressDisplay, type ProgressStyle, createProgress } from '../../src/reporting/progress.ts';

/** What a terminal shows after it was sent some text: only the sequences that bars use are known, others fail. */
function screenOf(text: string): string[] {
  const lines = [''];
  let row = 0;
  let column = 0;
  for (const [token] of text.replaceAll('\u001b', '␛').matchAll(/␛\[\d*[A-Z]|\r|\n|[^␛\r\n]+/g)) {
    const [, count, command] = /^␛\[(\d*)([A-Z])$/.exec(token) ?? [];
    if (command === 'A') row -= Number(count);
    else if (command === 'K') lines[row] = lines[row]!.slice(0, column);
    else if (command === 'J') lines.splice(row, Infinity, lines[row]!.slice(0, column));
    else if (token === '\r') column = 0;
    else if (token === '\n') [row, column] = [row + 1, 0];
    else {
      lines[row] = lines[row]!.slice(0, column) + token + lines[row]!.slice(column + token.length);
      column += token.length;
    }
    lines[row] ??= '';
  }
  return lines;
}

interface Lab {
  progress: ProgressDisplay;
  written: () => string;
  write: (piece: string) => void;
}

function display(style: ProgressStyle, columns = 80, rows = 24): Lab {
  let text = '';
  const write = (piece: string): void => void (text += piece);
  const output = { write, columns, rows };
  return { progress: createProgress(style, output, () => Date.now()), written: () => text, write };
}

/** Runs with a clock that moves only when told. */
function withClock(body: (pass: (ms: number) => void) => void): void {
  vi.useFakeTimers({ now: 1_000_000 });
  try {
    body((ms) => void vi.advanceTimersByTime(ms));
  } finally {
    vi.useRealTimers();
  }
}

describe('bars on a terminal', () => {
  it('show each running image, and all of them with speed and time left', () =>
    withClock((pass) => {
      const { progress, written } = display('bar');
      let bytes = 0;
      progress.expect(2);
      progress.track('busybox:latest', () => ({ bytes, totalBytes: 4_000_000 }));
      progress.track('alpine:3', () => ({ bytes: 0, totalBytes: 1_000_000 }));
      pass(100);
      bytes = 1_000_000;
      pass(1000);
      const [first, second, all] = screenOf(written());
      expect(first).toMatch(/^busybox:latest \[=+>\s+\] 1 MB\/4 MB$/);
      expect(second).toMatch(/^alpine:3 {7}\[>\s+\] 0 B\/1 MB$/);
      expect(all).toBe('0 of 2 done, 1 MB of 5 MB, 1 MB/s, 4s left');
      progress.close();
    }));

  it('leave nothing behind', () =>
    withClock((pass) => {
      const { progress, written } = display('bar');
      const finish = progress.track('a', () => ({ bytes: 1, totalBytes: null }));
      pass(300);
      finish();
      pass(300);
      progress.close();
      expect(screenOf(written()).join('')).toBe('');
      pass(1000);
      expect(screenOf(written()).join('')).toBe('');
    }));

  it('stay below the lines that are written meanwhile', () =>
    withClock((pass) => {
      const { progress, written } = display('bar');
      progress.track('a', () => ({ bytes: 1, totalBytes: null }));
      pass(100);
      progress.line('layermill: warning: one');
      progress.line('layermill: warning: two');
      pass(100);
      expect(screenOf(written()).slice(0, 3)).toEqual([
        'layermill: warning: one',
        'layermill: warning: two',
        'a        1 B',
      ]);
      progress.close();
      expect(screenOf(written()).join('|')).toBe('layermill: warning: one|layermill: warning: two|');
    }));

  it('make room for what others write to the terminal', () =>
    withClock((pass) => {
      const { progress, written, write } = display('bar');
      progress.track('a', () => ({ bytes: 1, totalBytes: null }));
      pass(100);
      progress.above(() => write('a result\n'));
      progress.close();
      expect(screenOf(written()).join('|')).toBe('a result|');
    }));

  it('are drawn on a terminal that does not say its size', () =>
    withClock((pass) => {
      const { progress, written } = display('bar', 0, 0);
      progress.track('a', () => ({ bytes: 1, totalBytes: null }));
      progress.track('b', () => ({ bytes: 1, totalBytes: null }));
      pass(100);
      expect(screenOf(written()).filter((line) => line !== '')).toHaveLength(3);
      progress.close();
    }));

  it('fit the terminal, however many images run and however long their names are', () =>
    withClock((pass) => {
      const { progress, written } = display('bar', 40);
      for (let i = 0; i < 50; i++) progress.track(`${i}-${'x'.repeat(100)}`, () => ({ bytes: 1e9, totalBytes: 9e12 }));
      pass(100);
      const lines = screenOf(written()).filter((line) => line !== '');
      expect(lines).toHaveLength(14);
      expect(lines.filter((line) => line.length > 39)).toEqual([]);
      expect(lines.at(-2)).toBe('… and 38 more');
      progress.close();
    }));

  it('are full, and no fuller, when more came than there should be', () =>
    withClock((pass) => {
      const { progress, written } = display('bar');
      progress.track('a', () => ({ bytes: 3_000_000, totalBytes: 1_000_000 }));
      pass(100);
      expect(screenOf(written())[0]).toMatch(/^a +\[=+>\] 3 MB\/1 MB$/);
      progress.close();
    }));

  it('never pass a control character of a name on', () =>
    withClock((pass) => {
      const { progress, written } = display('bar', 120);
      progress.track('evil\u001b]0;title\u0007\n\u202e', () => ({ bytes: 1, totalBytes: 2 }));
      pass(100);
      expect(screenOf(written())[0]).toContain('evil\\u{1b}]0;title\\u{7}\\u{a}\\u{202e}');
      progress.close();
    }));
});

describe('lines elsewhere', () => {
  it('come every five seconds, and not at all for short work', () =>
    withClock((pass) => {
      const { progress, written } = display('plain');
      const finish = progress.track('a', () => ({ bytes: 5e6, totalBytes: 1e7 }));
      pass(4900);
      expect(written()).toBe('');
      pass(5100);
      finish();
      pass(20_000);
      expect(written()).toBe('layermill: 0 done, 5 MB of 10 MB (a)\nlayermill: 0 done, 5 MB of 10 MB, 0 B/s (a)\n');
      progress.close();
    }));
});

describe('events for programs', () => {
  it('say what starts, how far it is, and what ended', () =>
    withClock((pass) => {
      const { progress, written } = display('json');
      progress.expect(1);
      const finish = progress.track('a\n', () => ({ bytes: 3, totalBytes: null }));
      pass(1000);
      finish();
      progress.close();
      const events = written()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown);
      expect(events).toEqual([
        { event: 'started', image: 'a\n' },
        {
          event: 'progress',
          finished: 0,
          expected: 1,
          bytes: 3,
          totalBytes: null,
          rate: null,
          secondsLeft: null,
          running: [{ image: 'a\n', bytes: 3, totalBytes: null }],
        },
        { event: 'finished', image: 'a\n' },
      ]);
    }));
});

describe('none', () => {
  it('draws nothing and still writes lines', () =>
    withClock((pass) => {
      const { progress, written } = display('none');
      progress.track('a', () => ({ bytes: 3, totalBytes: null }));
      pass(60_000);
      progress.line('layermill: something');
      progress.close();
      expect(written()).toBe('layermill: something\n');
    }));
});
