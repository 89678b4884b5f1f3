import { badArgument } from '../../errors/arguments.ts';
import type { FormatContext } from '../../formats/context.ts';
import { parseDockerHost, parseDockerReference } from '../../formats/distribution/docker-reference.ts';
import type { Registries } from '../../formats/distribution/registry.ts';
import { openSource } from '../../formats/transports.ts';
import { quoted } from '../../image/strict-json.ts';
import { printable } from '../../reporting/printable.ts';
import { combineExitCodes, EXIT, type ExitCode } from '../exit-codes.ts';
import { addRegistryOptions, sideContext, type TypedRegistryOptions } from '../registry-options.ts';
import type { Session } from '../session.ts';
import { isRoot } from '../source-text.ts';
import { examples, type Verb } from '../verb.ts';

export const verb: Verb = {
  define: (command) =>
    void addRegistryOptions(
      command.argument('<source>', 'docker://HOST/NAME, docker://HOST, or what `layermill import` reads'),
      ['src'],
    ).addHelpText(
      'after',
      examples(
        ['All tags of a repository', 'layermill list-tags docker://registry.example/team/app'],
        ['All repositories of a registry that lists them', 'layermill list-tags docker://registry.example'],
        ['The names of the images in an archive', 'layermill list-tags docker-archive:images.tar'],
      ),
    ),

  run: async (session, [place = ''], options: TypedRegistryOptions) => {
    const { formats } = await session.pipeline();
    const ends = { session, places: [place] };
    const side = await sideContext({ ...formats, signal: session.signal }, options, 'src', ends);
    if (side.registries === null) return namesIn(session, place, side.context);
    try {
      const host = parseDockerHost(place.slice('docker:'.length));
      if (host !== null) return await repositoriesOf(session, host, side.registries);
      return await tagsOf(session, place, side.registries);
    } finally {
      await side.registries.close();
    }
  },
};

async function repositoriesOf(session: Session, registry: string, registries: Registries): Promise<ExitCode> {
  const repositories: string[] = [];
  for await (const found of registries.catalog(registry)) repositories.push(found);
  if (session.json) session.out.json({ registry, repositories });
  else for (const name of repositories) session.out.line(printable(name));
  return EXIT.done;
}

async function tagsOf(session: Session, place: string, registries: Registries): Promise<ExitCode> {
  const { host, name, tag, digest } = parseDockerReference(place.slice('docker:'.length));
  if (tag !== null || digest !== null) {
    const fix = quoted(`docker://${host}/${name}`);
    throw badArgument('source', `${quoted(place)} is one image of its repository; all tags are those of ${fix}`);
  }
  const repository = await registries.repository(host, name);
  const tags: string[] = [];
  for await (const found of repository.tags(session.signal)) tags.push(found);
  show(session, `${host}/${name}`, tags);
  return EXIT.done;
}

async function namesIn(session: Session, place: string, context: FormatContext): Promise<ExitCode> {
  await using source = disposable(await openSource(place, context));
  const names = new Set<string>();
  const codes: ExitCode[] = [EXIT.done];
  if (isRoot(source.opened)) {
    const listing = await source.opened.listing();
    for (const image of listing.images) for (const name of image.names) names.add(name);
  } else {
    for await (const item of source.opened.images()) {
      if (item.kind === 'broken') codes.push(session.fail(item.error, { source: place, ref: item.ref }, 'image'));
      else if (item.kind !== 'artifact') for (const name of item.names) names.add(name);
    }
  }
  for (const warning of source.opened.warnings ?? []) session.log.warn(warning);
  show(session, null, [...names]);
  return combineExitCodes(codes);
}

function disposable<Source extends { close(): Promise<void> }>(opened: Source): AsyncDisposable & { opened: Source } {
  return { opened, [Symbol.asyncDispose]: () => opened.close() };
}

/** One name a line, or all in one document; only a registry calls what they are in. */
function show(session: Session, repository: string | null, tags: readonly string[]): void {
  if (session.json) session.out.json({ repository, tags });
  else for (const tag of tags) session.out.line(printable(tag));
}
