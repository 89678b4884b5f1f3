import { writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { PACKING_NAMES } from '../../compression/codecs.ts';
import { EQUALITIES } from '../../coordinator/copy/equality.ts';
import { storeSource } from '../../coordinator/copy/store-source.ts';
import type { CopiedArtifact, CopiedImage, CopyResult } from '../../coordinator/jobs/copy.ts';
import { engineError } from '../../errors/kinds.ts';
import { asEngineError } from '../../errors/wire.ts';
import type { FormatContext } from '../../formats/context.ts';
import { openSink, openSource, parseLocation } from '../../formats/transports.ts';
import type { ImageSource } from '../../image/image-source.ts';
import { humanSize } from '../../reporting/human-size.ts';
import { printable } from '../../reporting/printable.ts';
import { openCache } from '../cache-option.ts';
import { type CheckedCopy, checkCopyOptions, type CopyOptions } from '../copy-options.ts';
import { combineExitCodes, EXIT, type ExitCode, type Stage } from '../exit-codes.ts';
import { bareId } from '../lookup.ts';
import { addRegistryOptions, sideContext } from '../registry-options.ts';
import type { Session } from '../session.ts';
import { shortId } from '../terminal.ts';
import { runTracked } from '../tracked-work.ts';
import { examples, type Verb } from '../verb.ts';

const collect = (value: string, before: string[] = []): string[] => [...before, value];

export const verb: Verb = {
  define: (command) =>
    void addRegistryOptions(
      addPackingOptions(
        command
          .usage('[options] <source...> <destination>')
          .argument('<source...>', 'what `layermill import` reads, and store:NAME; the last one is the destination')
          .option('--all', 'all images of an index (the default; for those who are used to say so)')
          .option('--platform <platform>', 'of an index only os/architecture; may be repeated', collect)
          .option('--preserve-digests', 'fail an image unless its manifest stays the same')
          .addOption(
            new Option('--allow <level>', 'fail an image that would change more than this').choices(EQUALITIES),
          )
          .addOption(new Option('--format <format>', 'media types of manifests').choices(['oci', 'docker', 'v2s2'])),
      )
        .option('--referrers', 'also what refers to the images: signatures, attestations, lists of contents')
        .addOption(new Option('--include-referrers').hideHelp())
        .addOption(new Option('--digest-tags').hideHelp())
        .option('--additional-tag <name>', 'another name for the image; may be repeated', collect)
        .option('--legacy', 'write a docker-archive as Docker before 1.10 did')
        .option('--digestfile <file>', 'write the digests of manifests into this file')
        .option('--dry-run', 'say what would be copied, and copy nothing')
        .option('--cache <dir>', 'where packed layers are kept between runs, or none')
        .option('--cache-size <bytes>', 'what may stay there (default: 20GB)'),
      ['src', 'dest'],
    ).addHelpText('after', OUTRO),

  run: async (session, operands, options: CopyOptions) => {
    const { sources, destination } = ends(operands);
    const checked = checkCopyOptions(options, session.settings.compression);
    if (destination.startsWith(STORE)) return intoStore(session, sources, destination, options, checked.platforms);
    const store = sources.some((source) => source.startsWith(STORE)) ? await session.engine() : null;
    const pipeline = store ?? (await session.pipeline('now'));
    const asked = { platforms: checked.platforms, referrers: wantsReferrers(options) };
    const context: FormatContext = { ...pipeline.formats, ...asked, signal: session.signal };
    const from = await sideContext(context, options, 'src', { session, places: sources });
    const to = await sideContext(context, options, 'dest', { session, places: [destination] });
    const open = async (location: string, signal: AbortSignal): Promise<ImageSource> =>
      store !== null && location.startsWith(STORE)
        ? storeSource(store, bareId(location.slice(STORE.length)))
        : openSource(location, { ...from.context, signal });
    // It may refuse what it was told, and what a sink has made is removed by those who use it.
    const cache = openCache(session, pipeline.pool, options);
    const sink = await openSink(destination, to.context, { legacy: options.legacy, format: checked.format });
    const codes: ExitCode[] = [];
    const digests: string[] = [];
    // Results must not be mixed with an archive.
    const toStdout = parseLocation(destination).path === '-';
    const dryRun = options.dryRun === true;
    try {
      await runTracked(session, pipeline, destination, {
        type: 'copy',
        ...checked,
        sources: sources.map((location) => ({ location, open: (signal) => open(location, signal) })),
        sink,
        cache,
        onArtifact: (artifact) => tellArtifact(session, destination, artifact, toStdout),
        onImage: (result) => {
          codes.push(tell(session, destination, result, { toStdout, dryRun }));
          if (result.error === null && result.manifestDigest !== null) digests.push(lineOf(result));
        },
      });
    } finally {
      // A job that was broken off before its turn came has not done that.
      await sink.close();
      await from.registries?.close();
      await to.registries?.close();
    }
    if (options.digestfile !== undefined && !dryRun) await writeFile(options.digestfile, digestText(digests));
    return combineExitCodes(codes);
  },
};

function wantsReferrers({ referrers, includeReferrers, digestTags }: CopyOptions): boolean {
  return referrers === true || includeReferrers === true || digestTags === true;
}

function addPackingOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--dest-compress-format <kind>', 'pack layers so, unless they are already').choices(PACKING_NAMES),
    )
    .option('--dest-compress-level <n>', 'as --level of `layermill export`')
    .option('--dest-force-compress-format', 'pack also those that came in the format, with our own profile')
    .option('--reproducible', 'the same bytes on every machine; gzip is then about four times as slow');
}

const OUTRO = `
Layers stay as they are unless --dest-compress-format says otherwise; only a registry gets the plain ones of archives as gzip.
What changes is said with each image: identical, diffids (layers packed anew), manifest (a new one), config (a new one).
${examples(
  ['An archive to an OCI layout, packed', 'layermill copy image.tar oci:layout --dest-compress-format zstd'],
  ['Many archives to one layout', 'layermill copy a.tar b.tar c.tar oci:layout'],
  [
    'To a registry, unless a digest would change',
    'layermill copy oci:layout:v1 docker://registry.example/app:1 --preserve-digests',
  ],
  ['With its signatures', 'layermill copy docker://registry.example/app:1 oci:layout --referrers'],
)}`;

/** An image of the store; the store's own are the only images that are reached through it. */
const STORE = 'store:';

/** Options that say how an image is written; the store keeps images in its own way. */
const ABOUT_WRITING = [
  'destCompressFormat',
  'format',
  'legacy',
  'additionalTag',
  'referrers',
  'includeReferrers',
  'digestTags',
  'digestfile',
  'allow',
  'dryRun',
] as const;

/** Into the store is an import, and from there to there another name. */
async function intoStore(
  session: Session,
  sources: readonly string[],
  destination: string,
  options: CopyOptions,
  platforms: CheckedCopy['platforms'],
): Promise<ExitCode> {
  const given = ABOUT_WRITING.find((name) => options[name] !== undefined);
  if (given !== undefined) {
    const argument = `--${given.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw engineError('INVALID_ARGUMENT', `${argument} means nothing for the store; leave it away`, { argument });
  }
  if (platforms !== undefined && platforms.length > 1) {
    const message = 'the store takes one --platform, or all of them without it; import them one by one';
    throw engineError('INVALID_ARGUMENT', message, { argument: '--platform' });
  }
  const name = destination.slice(STORE.length);
  const [first] = sources;
  if (sources.length === 1 && first!.startsWith(STORE)) {
    const { verb: tag } = await import('./tag.ts');
    return tag.run(session, [first!.slice(STORE.length), name], { force: true, platform: options.platform?.[0] });
  }
  const { verb: imports } = await import('./import.ts');
  const named = name === '' ? {} : { name };
  return imports.run(session, sources, { ...options, ...named, clobber: true, platform: options.platform?.[0] });
}

/** The last operand is where images go. */
function ends(operands: readonly string[]): { sources: readonly string[]; destination: string } {
  if (operands.length < 2) {
    const message = 'copy needs sources and a destination: layermill copy SOURCE... DESTINATION';
    throw engineError('INVALID_ARGUMENT', message, { argument: 'destination' });
  }
  const sources = operands.slice(0, -1);
  if (sources.filter((text) => text === '-').length > 1)
    throw engineError('INVALID_ARGUMENT', 'the standard input can be read once', { argument: '-' });
  return { sources, destination: operands.at(-1)! };
}

/** What is not there, or was said wrongly, was not tried. */
function stageOf({ error, ref }: CopiedImage & { error: Error }): Stage {
  const { code } = asEngineError(error);
  const notTried = code === 'FILE_NOT_FOUND' || code === 'INVALID_ARGUMENT' || code === 'IMAGE_NOT_FOUND';
  return ref === null && notTried ? 'before' : 'image';
}

function tell(
  session: Session,
  destination: string,
  result: CopiedImage,
  { toStdout, dryRun }: { toStdout: boolean; dryRun: boolean },
): ExitCode {
  if (result.error !== null) {
    const at = { source: result.source, ref: result.ref };
    const stage = stageOf(result);
    return toStdout ? session.tell(result.error, at, stage) : session.fail(result.error, at, stage);
  }
  const { error: _none, warnings, ...line } = result;
  for (const warning of warnings) session.log.warn(`${result.ref}: ${warning}`);
  if (toStdout) session.progress.line(textOf(result, dryRun));
  else if (session.json) session.out.json({ destination, dryRun, ...line });
  else session.out.line(textOf(result, dryRun));
  return EXIT.done;
}

function tellArtifact(session: Session, destination: string, artifact: CopiedArtifact, toStdout: boolean): void {
  const text = printable(`${artifact.ref}  ${artifact.artifactType ?? ''}`.trimEnd());
  if (toStdout) session.progress.line(text);
  else if (session.json) session.out.json({ destination, kind: 'artifact', ...artifact });
  else session.out.line(text);
}

function textOf(result: CopyResult, dryRun: boolean): string {
  const { names, ref, platform, configDigest, layers, sent, bytes, seconds, equal } = result;
  const called = printable(names.length > 0 ? names.join(', ') : ref);
  const here = `${layers} ${layers === 1 ? 'layer' : 'layers'}, ${humanSize(bytes)}`;
  const moved = `${sent.layers} ${dryRun ? 'would be sent' : 'sent'}`;
  const cost = dryRun ? '' : ` in ${seconds.toFixed(1)} s`;
  const on = platform === null ? '' : `  ${platform}`;
  return `${called}  ${shortId(configDigest.replace(/^sha\d+:/, ''))}${on}  ${here} (${moved})${cost}  ${equal}`;
}

function lineOf({ manifestDigest, names, ref }: CopyResult): string {
  return `${manifestDigest} ${names[0] ?? ref}`;
}

/** Of one image the digest alone, as skopeo writes it; of several one line each, with the name. */
function digestText(lines: readonly string[]): string {
  if (lines.length === 1) return lines[0]!.split(' ')[0]!;
  return lines.map((line) => `${line}\n`).join('');
}
