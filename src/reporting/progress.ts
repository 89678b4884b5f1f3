import { Meter } from './meter.ts';
import { type Snapshot, type Tracked, barFrame, jsonLine, plainLine } from './progress-text.ts';

/** Tells a person, or a program, how far the images are. */
export interface ProgressDisplay {
  /** Shows an image until the returned function is called. `sample` is asked at every drawing. */
  track(label: string, sample: () => Tracked): () => void;
  /** How it is shown. */
  readonly style: ProgressStyle;
  /** Shows this in place of single images until the returned function is called. */
  show(picture: ProgressPicture): () => void;
  /** Says how many there will be. */
  expect(count: number): void;
  /** Writes a line of text without tearing a bar. */
  line(text: string): void;
  /** Lets something else write to the same terminal without tearing a bar. */
  above(write: () => void): void;
  /** Takes the bars away. Nothing is drawn afterwards; lines still are. */
  close(): void;
}

/** Something larger that is under way, as it looks now. */
interface ProgressPicture {
  /** Lines that fit a terminal. */
  frame(columns: number, rows: number): string[];
  /** For a log. */
  line(): string;
}

export interface ProgressOutput {
  write: (text: string) => void;
  /** Size of the terminal, as now; 0 where it does not say. */
  columns?: number | undefined;
  rows?: number | undefined;
}

export type ProgressStyle = 'bar' | 'plain' | 'json' | 'none';

/** Bars move ten times a second, lines for a log come rarely, events for programs once a second. */
const EVERY_MS = { bar: 100, plain: 5000, json: 1000 } as const;

export function createProgress(
  style: ProgressStyle,
  output: ProgressOutput,
  now = (): number => performance.now(),
): ProgressDisplay {
  return style === 'none' ? silent(output) : new Display(style, output, now);
}

function silent(output: ProgressOutput): ProgressDisplay {
  return {
    style: 'none',
    show: () => () => {},
    track: () => () => {},
    expect: () => {},
    line: (text) => output.write(`${text}\n`),
    above: (write) => write(),
    close: () => {},
  };
}

interface Item {
  label: string;
  sample: () => Tracked;
}

class Display implements ProgressDisplay {
  readonly style: 'bar' | 'plain' | 'json';
  readonly #output: ProgressOutput;
  readonly #now: () => number;
  readonly #meter = new Meter();
  readonly #running = new Set<Item>();
  #timer: NodeJS.Timeout | undefined;
  #finished = 0;
  #finishedBytes = 0;
  #expected: number | null = null;
  #picture: ProgressPicture | null = null;
  #drawnLines = 0;
  #closed = false;

  constructor(style: 'bar' | 'plain' | 'json', output: ProgressOutput, now: () => number) {
    this.style = style;
    this.#output = output;
    this.#now = now;
  }

  track(label: string, sample: () => Tracked): () => void {
    const item = { label, sample };
    this.#running.add(item);
    this.#event('started', label);
    this.#start();
    return () => this.#finish(item);
  }

  show(picture: ProgressPicture): () => void {
    this.#picture = picture;
    this.#start();
    return () => {
      if (this.#picture !== picture) return;
      this.#erase();
      this.#picture = null;
      if (this.#running.size === 0) this.#stop();
    };
  }

  expect(count: number): void {
    this.#expected = count;
  }

  line(text: string): void {
    this.above(() => this.#output.write(`${text}\n`));
  }

  above(write: () => void): void {
    this.#erase();
    write();
    if (this.style === 'bar' && this.#timer !== undefined) this.#draw();
  }

  close(): void {
    this.#stop();
    this.#closed = true;
    this.#erase();
  }

  #start(): void {
    // The timer must not keep a program alive whose work has ended.
    if (!this.#closed) this.#timer ??= setInterval(() => this.#draw(), EVERY_MS[this.style]).unref();
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #finish(item: Item): void {
    if (!this.#running.delete(item)) return;
    this.#finished++;
    this.#finishedBytes += item.sample().bytes;
    this.#event('finished', item.label);
  }

  #event(event: string, image: string): void {
    if (this.style === 'json' && !this.#closed) this.#output.write(`${JSON.stringify({ event, image })}\n`);
  }

  #draw(): void {
    if (this.#picture !== null) return this.#drawPicture(this.#picture);
    const snapshot = this.#snapshot();
    if (this.style === 'bar') {
      this.#drawLines((columns, rows) => barFrame(snapshot, columns, rows));
    } else if (snapshot.running.length > 0) {
      this.#output.write(`${this.style === 'json' ? jsonLine(snapshot) : plainLine(snapshot)}\n`);
    }
  }

  /** Programs are told of it in another way. */
  #drawPicture(picture: ProgressPicture): void {
    if (this.style === 'bar') this.#drawLines((columns, rows) => picture.frame(columns, rows));
    else if (this.style === 'plain') this.#output.write(`${picture.line()}\n`);
  }

  #drawLines(frame: (columns: number, rows: number) => string[]): void {
    const lines = frame(this.#output.columns || 80, this.#output.rows || 24);
    // Up to the first line, each line anew, and whatever is left below of a longer frame goes.
    const up = this.#drawnLines > 0 ? `\u001b[${this.#drawnLines}A\r` : '';
    this.#output.write(`${up}${lines.map((text) => `${text}\u001b[K\n`).join('')}\u001b[J`);
    this.#drawnLines = lines.length;
  }

  #erase(): void {
    if (this.#drawnLines > 0) this.#output.write(`\u001b[${this.#drawnLines}A\r\u001b[J`);
    this.#drawnLines = 0;
  }

  #snapshot(): Snapshot {
    const running = [...this.#running].map(({ label, sample }) => ({ label, ...sample() }));
    const bytes = running.reduce((sum, item) => sum + item.bytes, this.#finishedBytes);
    const totalBytes = this.#totalBytes(running);
    this.#meter.observe(bytes, this.#now());
    return {
      running,
      finished: this.#finished,
      expected: this.#expected,
      bytes,
      totalBytes,
      rate: this.#meter.rate,
      secondsLeft: totalBytes === null ? null : this.#meter.secondsFor(totalBytes - bytes),
    };
  }

  /** Known only when all images have begun and each knows its own. */
  #totalBytes(running: Tracked[]): number | null {
    const begun = this.#finished + running.length;
    if (this.#expected !== null && begun < this.#expected) return null;
    let total = this.#finishedBytes;
    for (const item of running) {
      if (item.totalBytes === null) return null;
      total += Math.max(item.totalBytes, item.bytes);
    }
    return total;
  }
}
