import { stat } from 'node:fs/promises';
import { Option } from 'commander';
import type { ImportedImage, ImportResult } from '../../coordinator/jobs/import.ts';
import type { Engine } from '../../engine.ts';
import { engineError } from '../../errors/kinds.ts';
import { asEngineError } from '../../errors/wire.ts';
import type { FormatContext } from '../../formats/context.ts';
import { openSource, parseLocation } from '../../formats/transports.ts';
import { parsePlatform } from '../../image/platform.ts';
import type { ImageSource, Platform } from '../../image/image-source.ts';
import { humanSize } from '../../reporting/human-size.ts';
import { printable } from '../../reporting/printable.ts';
import { EXIT, type ExitCode, combineExitCodes, type Stage } from '../exit-codes.ts';
import { refuseReadOnly } from '../lookup.ts';
import { addRegistryOptions, sideContext, type TypedRegistryOptions } from '../registry-options.ts';
import type { Session } from '../session.ts';
import { shortId } from '../terminal.ts';
import { type Verb, examples } from '../verb.ts';
import { startTracked } from '../tracked-work.ts';
import { newName } from './tag.ts';

interface Options extends TypedRegistryOptions {
  name?: string;
  clobber: boolean;
  blobs?: 'keep' | 'drop';
  platform?: string;
}

interface ImportOptions extends Omit<Options, 'platform'> {
  platform: Platform | undefined;
}

export const verb: Verb = {
  define: (command) =>
    void addRegistryOptions(
      command
        .argument('<source...>', 'archives, layouts, registries or data directories; - is the standard input')
        .option('--name <name>', 'call the image this, whatever the source calls it')
        .option('--no-clobber', 'refuse to move a name that another image has')
        .addOption(
          new Option(
            '--blobs <what>',
            'keep the packed bytes of layers, so that manifests stay the same on export',
          ).choices(['keep', 'drop']),
        )
        .option('--platform <platform>', 'what a name with several images means: os/architecture'),
      ['src'],
    ).addHelpText(
      'after',
      examples(
        ['What `docker save` wrote', 'layermill import image.tar'],
        ['One image of an OCI layout, under another name', 'layermill import oci:layout:v1 --name team/app:1'],
        ['From a pipe', 'docker save busybox | layermill import -'],
      ),
    ),

  run: async (session, operands, options: Options) => {
    const checked = checkOptions(operands, options);
    const engine = await session.engine();
    refuseReadOnly(engine);
    session.progress.expect(operands.length);
    const ended: Promise<void>[] = [];
    const codes: ExitCode[] = [];
    const given = { ...engine.formats, signal: session.signal };
    const { context, registries } = await sideContext(given, options, 'src', { session, places: operands });
    // Submitting waits for room, so no more sources are open than there is work for.
    for (const text of operands) {
      if (session.signal.aborted) break;
      const begun = await begin({ session, engine, context, options: checked, codes }, text);
      if (begun !== null) ended.push(begun.ended);
    }
    await Promise.all(ended);
    await registries?.close();
    return combineExitCodes(codes);
  },
};

interface Import {
  session: Session;
  engine: Engine;
  context: FormatContext;
  options: ImportOptions;
  /** One for each image, and for each source that failed as a whole. */
  codes: ExitCode[];
}

function checkOptions(operands: readonly string[], options: Options): ImportOptions {
  if (options.name !== undefined) newName(options.name);
  if (options.name !== undefined && operands.length > 1) {
    const message = '--name is for one source with one image; leave it away, or import the sources one by one';
    throw engineError('INVALID_ARGUMENT', message, { argument: '--name', value: options.name });
  }
  if (operands.filter((text) => text === '-').length > 1) {
    throw engineError('INVALID_ARGUMENT', 'the standard input can be read once', { argument: '-' });
  }
  return { ...options, platform: options.platform === undefined ? undefined : parsePlatform(options.platform) };
}

/** Resolves when the import has been admitted; null when the source could not be opened, which is told then. */
async function begin(work: Import, text: string): Promise<{ ended: Promise<void> } | null> {
  const { session, engine, context, options, codes } = work;
  const failed = (error: unknown): void =>
    void codes.push(session.fail(error, { source: text, ref: null }, stageOf(error)));
  let source: ImageSource;
  try {
    source = await openSource(text, context);
  } catch (error) {
    failed(error);
    return null;
  }
  const settle = async (done: Promise<unknown>): Promise<void> => {
    await done.catch(failed);
    await source.close();
  };
  try {
    const running = await startTracked(
      session,
      engine,
      text,
      {
        type: 'import',
        source,
        name: options.name,
        clobber: options.clobber,
        blobs: options.blobs ?? session.settings.blobs,
        platform: options.platform,
        onImage: (result) => codes.push(tell(session, result)),
      },
      await bytesOf(text),
    );
    return { ended: settle(running.done) };
  } catch (error) {
    await source.close();
    throw error;
  }
}

/** What is not there, or was said wrongly, was not tried. Bytes that were looked at and are no image were. */
function stageOf(error: unknown): Stage {
  const { code } = asEngineError(error);
  return code === 'FILE_NOT_FOUND' || code === 'INVALID_ARGUMENT' || code === 'IMAGE_NOT_FOUND' ? 'before' : 'image';
}

function tell(session: Session, result: ImportedImage): ExitCode {
  if (result.error !== null) return session.fail(result.error, { source: result.source, ref: result.ref }, 'image');
  // Warnings are on stderr, as those of every verb.
  const { error: _none, warnings: _warnings, ...line } = result;
  if (session.json) session.out.json(line);
  else session.out.line(textOf(result));
  return EXIT.done;
}

function textOf(result: ImportResult): string {
  const called = result.names.length > 0 ? result.names.join(', ') : result.ref;
  const layers = `${result.layers} ${result.layers === 1 ? 'layer' : 'layers'} (${result.registered} new, ${result.reused} here already)`;
  const cost = `${humanSize(result.bytes)} in ${result.seconds.toFixed(1)} s`;
  return `${printable(called)}  ${shortId(result.id)}  ${layers}  ${cost}  ${result.equal}`;
}

/** The size of a source that is a file, for the bar. */
async function bytesOf(text: string): Promise<number | null> {
  const { path } = parseLocation(text);
  return stat(path).then(
    (found) => (found.isFile() ? found.size : null),
    () => null,
  );
}
