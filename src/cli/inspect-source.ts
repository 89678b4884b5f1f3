import { engineError } from '../errors/kinds.ts';
import { asEngineError } from '../errors/wire.ts';
import { isContainer, listDockerRoot } from '../formats/docker-root/open.ts';
import type { RootListing } from '../formats/docker-root/root-listing.ts';
import { openSource, parseLocation } from '../formats/transports.ts';
import type { ImageSource, SourceItem } from '../image/image-source.ts';
import { parsePlatform } from '../image/platform.ts';
import { EXIT, combineExitCodes, type ExitCode } from './exit-codes.ts';
import { sideContext, type TypedRegistryOptions } from './registry-options.ts';
import type { Session } from './session.ts';
import { isRoot, lineOfItem, listingJson, textOfLine, textOfListing } from './source-text.ts';

export interface InspectSourceOptions extends TypedRegistryOptions {
  /** The bytes of the config of the one image in it. */
  raw: boolean;
  /** The bytes of its manifest or index. */
  manifest: boolean;
  /** Of an index only this one. */
  platform?: string;
  /** Also what refers to the images. */
  referrers?: boolean;
}

/** Shows what is in a source that is not the store: every image, or what the data directory of an engine holds. */
export async function inspectSource(
  session: Session,
  location: string,
  options: InspectSourceOptions,
): Promise<ExitCode> {
  const platforms = options.platform === undefined ? undefined : [parsePlatform(options.platform)];
  const { formats } = await session.pipeline();
  const bytes = options.raw || options.manifest;
  const given = { ...formats, signal: session.signal, platforms, referrers: !bytes && options.referrers === true };
  const { context, registries } = await sideContext(given, options, 'src', { session, places: [location] });
  const { transport, path, ref } = parseLocation(location);
  if (transport === 'docker-root' && !bytes && !isContainer(path))
    return printListings(session, await listDockerRoot(path, ref, context));
  const source = await openSource(location, context);
  try {
    if (bytes) return await printBytes(session, source, options);
    return isRoot(source) ? printListings(session, [await source.listing()]) : await printItems(session, source);
  } finally {
    await source.close();
    await registries?.close();
  }
}

/** Of a data directory that an upgrade has left several stores in, the newest first. */
function printListings(session: Session, listings: readonly RootListing[]): ExitCode {
  for (const [place, listing] of listings.entries()) {
    for (const warning of listing.warnings) session.log.warn(warning);
    if (session.json) session.out.json(listingJson(listing));
    else session.out.line(`${place === 0 ? '' : '\n'}${textOfListing(listing)}`);
    for (const { damaged, names, id } of listing.images)
      if (damaged !== null) session.tell(damaged, { source: listing.path, ref: names[0] ?? id }, 'image');
  }
  return EXIT.done;
}

async function printItems(session: Session, source: ImageSource): Promise<ExitCode> {
  const codes: ExitCode[] = [];
  let first = true;
  for await (const item of source.images()) {
    if (item.kind === 'broken') {
      codes.push(session.fail(item.error, { source: source.location, ref: item.ref }, 'image'));
      continue;
    }
    const line = lineOfItem(item);
    if (session.json) session.out.json(line);
    else session.out.line(`${first ? '' : '\n'}${textOfLine(line)}`);
    first = false;
    codes.push(EXIT.done);
  }
  for (const warning of source.warnings ?? []) session.log.warn(warning);
  return combineExitCodes(codes);
}

/** Of several things there is one that the others belong to, or it has to be said which is meant. */
async function printBytes(
  session: Session,
  source: ImageSource,
  { manifest }: InspectSourceOptions,
): Promise<ExitCode> {
  const items: SourceItem[] = [];
  for await (const item of source.images()) {
    if (item.kind === 'broken') throw asEngineError(item.error);
    items.push(item);
  }
  const chosen = (manifest ? items.filter(({ kind }) => kind === 'index') : []).concat(items).at(0);
  const index = items.find(({ kind }) => kind === 'index');
  if (chosen === undefined || (items.length > 1 && !(manifest && index !== undefined))) {
    const message = `${JSON.stringify(source.location)} holds ${items.length} images; say which one, as TRANSPORT:PATH:NAME`;
    throw engineError('INVALID_ARGUMENT', message, { argument: '--raw' });
  }
  session.out.bytes(bytesOf(chosen, manifest));
  return EXIT.done;
}

function bytesOf(item: SourceItem, manifest: boolean): Buffer {
  if (item.kind === 'index' || item.kind === 'artifact') return item.raw;
  if (item.kind === 'legacy' && !manifest) return item.chain.at(-1)!.json;
  if (item.kind === 'modern' && !manifest) return item.config;
  if (item.kind === 'modern' && item.manifest !== null) return item.manifest.raw;
  throw engineError('INVALID_ARGUMENT', 'the image has no manifest where it is', { argument: '--manifest' });
}
