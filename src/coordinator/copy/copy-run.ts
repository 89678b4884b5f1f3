import { asEngineError } from '../../errors/wire.ts';
import type { ImageSource, LegacyImage, ModernImage, SourceIndex, SourceItem } from '../../image/image-source.ts';
import { throwIfAborted } from '../../streams/abort.ts';
import type { JobRun, JobTools } from '../job-context.ts';
import type { CopiedImage, CopyJob, CopySource } from '../jobs/copy.ts';
import type { CopyDesk, Written } from './copy-desk.ts';
import type { PreparedImage } from './copy-image.ts';
import { namedByIndex } from './named-by-index.ts';

/** One run of a copy: reads the sources, and puts what they hold in their order. */
export class CopyRun {
  readonly #tools: JobTools;
  readonly #job: CopyJob;
  readonly #run: JobRun;
  readonly #desk: CopyDesk;
  readonly #results: CopiedImage[] = [];
  /** The end of everything that was asked for so far: what comes later is put later. */
  #puts: Promise<void> = Promise.resolve();

  constructor(tools: JobTools, job: CopyJob, run: JobRun, desk: CopyDesk) {
    this.#tools = tools;
    this.#job = job;
    this.#run = run;
    this.#desk = desk;
  }

  async all(): Promise<CopiedImage[]> {
    const closing: Promise<void>[] = [];
    for (const source of this.#job.sources) {
      // What is under way ends first: nobody may remove its files before that.
      if (this.#run.signal.aborted) break;
      const { closed } = await this.#begin(source);
      closing.push(closed);
    }
    await Promise.all(closing);
    return this.#results;
  }

  /** Resolves when everything in the source is on its way, with the promise of the end of that. */
  async #begin(source: CopySource): Promise<{ closed: Promise<void> }> {
    let opened: ImageSource;
    try {
      opened = await source.open(this.#run.signal);
    } catch (error) {
      this.#failInTurn(source.location, null, error);
      return { closed: this.#puts };
    }
    const written: Written = new Map();
    try {
      for await (const item of namedByIndex(opened.images(), this.#job.platforms)) {
        throwIfAborted(this.#run.signal);
        await this.#take(source.location, item, written);
      }
    } catch (error) {
      this.#failInTurn(source.location, null, error);
    }
    for (const warning of opened.warnings ?? []) this.#run.warn(`${source.location}: ${warning}`);
    return { closed: this.#puts.then(() => this.#close(source.location, opened)) };
  }

  /** What it gave has been taken, so that nothing is wrong with that. */
  async #close(location: string, source: ImageSource): Promise<void> {
    try {
      await source.close();
    } catch (error) {
      this.#run.warn(`${location} could not be closed: ${asEngineError(error).message}`);
    }
  }

  async #take(source: string, item: SourceItem, written: Written): Promise<void> {
    switch (item.kind) {
      case 'broken':
        this.#failInTurn(source, item.ref, item.error);
        break;
      case 'index':
        this.#inTurn(source, item.ref, () => this.#putIndex(item, written));
        break;
      case 'artifact':
        this.#inTurn(source, item.ref, async () => void (await this.#desk.putArtifact(item)));
        break;
      default:
        await this.#takeImage(source, item, written);
    }
  }

  async #takeImage(source: string, item: ModernImage | LegacyImage, written: Written): Promise<void> {
    const release = await this.#tools.images.acquire(1, this.#run.signal);
    const preparing = this.#desk.prepare(source, item).finally(release);
    // It is awaited in its turn; a failure before that must not end the process.
    preparing.catch(() => {});
    this.#inTurn(source, item.ref, async () => this.#put(await preparing, written));
  }

  async #put(prepared: PreparedImage, written: Written): Promise<void> {
    const { result } = await this.#desk.put(prepared, written);
    this.#results.push({ ...result, error: null });
  }

  async #putIndex(item: SourceIndex, written: Written): Promise<void> {
    for (const warning of (await this.#desk.putIndex(item, written))?.warnings ?? []) this.#run.warn(warning);
  }

  #failInTurn(source: string, ref: string | null, error: unknown): void {
    this.#inTurn(source, ref, () => Promise.reject(asEngineError(error)));
  }

  #inTurn(source: string, ref: string | null, work: () => Promise<void>): void {
    this.#puts = this.#puts.then(work).catch((error: unknown) => this.#fail(source, ref, error));
  }

  #fail(source: string, ref: string | null, thrown: unknown): void {
    this.#results.push({ source, ref, error: asEngineError(thrown) });
  }
}
