import { badArgument } from '../../errors/arguments.ts';
import { engineError } from '../../errors/kinds.ts';
import { asEngineError } from '../../errors/wire.ts';
import { type DockerReference, parseDockerReference } from '../../formats/distribution/docker-reference.ts';
import type { Registries, Repository } from '../../formats/distribution/registry.ts';
import { tagsOfManifest } from '../../formats/distribution/tags-of-manifest.ts';
import type { Digest } from '../../identity/digest.ts';
import { imageReference } from '../../identity/reference.ts';
import { quoted } from '../../image/strict-json.ts';
import { printable } from '../../reporting/printable.ts';
import { combineExitCodes, EXIT, type ExitCode } from '../exit-codes.ts';
import { failureLine } from '../failure.ts';
import { addRegistryOptions, sideContext, type TypedRegistryOptions } from '../registry-options.ts';
import { examples, type Verb } from '../verb.ts';

interface Options extends TypedRegistryOptions {
  allTags?: boolean;
}

/** One manifest that is gone, and the tags that are known to have gone with it. */
interface Deleted {
  deleted: string;
  untagged: string[];
}

export const verb: Verb = {
  define: (command) =>
    void addRegistryOptions(
      command
        .argument('<image...>', 'docker://HOST/NAME:TAG or docker://HOST/NAME@DIGEST')
        .option('--all-tags', 'also when other tags lead to the same image: they go with it'),
      ['dest'],
    ).addHelpText(
      'after',
      '\nThe manifest goes, and every tag that leads to it. Its layers stay until the registry collects its garbage; of an\n' +
        'index only the list goes, and its images stay.\n' +
        examples(
          ['Delete an image that has no other tag', 'layermill delete docker://registry.example/team/app:1.2'],
          ['Delete it with all its tags', 'layermill delete --all-tags docker://registry.example/team/app:1.2'],
        ),
    ),

  run: async (session, places, { allTags = false, ...typed }: Options) => {
    const images = places.map(addressOf);
    const { formats } = await session.pipeline();
    const ends = { session, places };
    const { registries } = await sideContext({ ...formats, signal: session.signal }, typed, 'dest', ends);
    const results: unknown[] = [];
    const codes: ExitCode[] = [];
    try {
      for (const [index, image] of images.entries()) {
        try {
          const deleted = await deleteOne(registries!, image, allTags, session.signal);
          results.push(deleted);
          codes.push(EXIT.done);
          if (!session.json) for (const line of linesOf(deleted)) session.out.line(printable(line));
        } catch (error) {
          const at = { source: null, ref: places[index]! };
          codes.push(session.tell(error, at, 'before'));
          results.push(failureLine(asEngineError(error), at));
        }
      }
    } finally {
      await registries?.close();
    }
    if (session.json) session.out.json(results);
    return combineExitCodes(codes);
  },
};

/** Throws INVALID_ARGUMENT for what does not say which image of a registry it is: none is deleted by default. */
function addressOf(place: string): DockerReference {
  if (!place.startsWith('docker:'))
    throw badArgument('image', `${quoted(place)} is in no registry: write docker://HOST/NAME:TAG`);
  const address = parseDockerReference(place.slice('docker:'.length));
  if (address.tag === null && address.digest === null)
    throw badArgument('image', `${quoted(place)} is a whole repository; say which image with :TAG or @DIGEST`);
  return address;
}

async function deleteOne(
  registries: Registries,
  { host, name, tag, digest, reference }: DockerReference,
  allTags: boolean,
  signal: AbortSignal,
): Promise<Deleted> {
  const repository = await registries.repository(host, name);
  const found = await repository.headManifest(tag ?? reference, signal);
  if (found === null) throw notFound(repository, tag ?? reference);
  if (digest !== null && found.digest !== digest)
    throw badArgument('image', `${host}/${name}:${tag!} is ${found.digest} now, not ${digest}; nothing was deleted`);
  const tags = allTags ? [tag ?? []].flat() : await tagsOfManifest(repository, found.digest, signal);
  const others = tags.filter((other) => other !== tag);
  if (!allTags && others.length > 0) throw hasTags(repository, found.digest, others);
  await repository.deleteManifest(found.digest, signal);
  const called = (end: string): string => `${host}/${imageReference(name, end)}`;
  return { deleted: called(found.digest), untagged: tags.map(called) };
}

function linesOf({ deleted, untagged }: Deleted): string[] {
  return [...untagged.map((name) => `untagged: ${name}`), `deleted: ${deleted}`];
}

function hasTags({ host, name }: Repository, digest: Digest, tags: string[]): Error {
  const some = tags.slice(0, 5).join(', ') + (tags.length > 5 ? `, … (${tags.length})` : '');
  const message = `${host}/${name}@${digest} has other tags, which would go with it: ${some}`;
  return engineError('MANIFEST_HAS_TAGS', message, { digest, tags });
}

function notFound({ host, name }: Repository, reference: string): Error {
  const message = `${host}/${imageReference(name, reference)} is not in its registry`;
  return engineError('REMOTE_IMAGE_NOT_FOUND', message, { host, name, reference });
}
