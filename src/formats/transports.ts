import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { badArgument } from '../errors/arguments.ts';
import { engineError } from '../errors/kinds.ts';
import { errnoOf } from '../errors/system-error.ts';
import type { ImageSink } from '../image/image-sink.ts';
import type { ImageSource } from '../image/image-source.ts';
import type { ManifestFormat } from '../image/media-types.ts';
import { quoted } from '../image/strict-json.ts';
import type { FormatContext } from './context.ts';

export interface SinkOptions {
  /** Write what Docker before 1.10 wrote. */
  legacy?: boolean | undefined;
  /** Media types of manifests that have to be made; OCI's by default. */
  format?: ManifestFormat | undefined;
  /**
   * What a run is called that goes on later when it is broken off: what is unfinished then stays under this name beside its
   * place until it is committed. A `dir:`, and what becomes a stream, begin again.
   */
  resume?: string | undefined;
}

/** A format, loaded when it is first named: most runs need one of them. */
interface Transport {
  /** What follows the colon: `PATH[:REF]` by default, a path with any colons, nothing, or what only itself can read. */
  operand?: 'pathAndRef' | 'path' | 'none' | 'own';
  source(path: string, ref: string | null, context: FormatContext): Promise<ImageSource>;
  sink(path: string, ref: string | null, context: FormatContext, options: SinkOptions): Promise<ImageSink>;
}

const TRANSPORTS: ReadonlyMap<string, Transport> = new Map<string, Transport>([
  [
    'docker-archive',
    {
      source: async (...args) => (await import('./docker-archive/open.ts')).openDockerArchive(...args),
      sink: async (path, ref, context, { legacy, ...options }) =>
        legacy === true
          ? (await import('./docker-archive/legacy-sink.ts')).openLegacySink(path, ref, context)
          : (await import('./docker-archive/sink.ts')).openDockerArchiveSink(path, ref, context, options),
    },
  ],
  [
    'oci',
    {
      source: async (...args) => (await import('./oci-layout/open.ts')).openLayoutDirectory(...args),
      sink: async (...args) => (await import('./oci-layout/directory-sink.ts')).openDirectorySink(...args),
    },
  ],
  [
    'oci-archive',
    {
      source: async (...args) => (await import('./oci-layout/open.ts')).openLayoutArchive(...args),
      sink: async (...args) => (await import('./oci-layout/archive-sink.ts')).openArchiveSink(...args),
    },
  ],
  [
    'dir',
    {
      operand: 'path',
      source: async (path, _ref, context) => (await import('./dir/open.ts')).openDir(path, context),
      sink: async (path, _ref, context, options) => (await import('./dir/sink.ts')).openDirSink(path, context, options),
    },
  ],
  [
    'null',
    {
      operand: 'none',
      source: () => Promise.reject(badArgument('null:', 'null: holds no images; it is a destination, for rehearsals')),
      sink: async (_path, _ref, context, options) => (await import('./null-sink.ts')).openNullSink(context, options),
    },
  ],
  [
    'docker',
    {
      operand: 'own',
      source: async (path, _ref, context) =>
        (await import('./distribution/source.ts')).openRegistrySource(path, context),
      sink: async (path, _ref, context, options) =>
        (await import('./distribution/sink.ts')).openRegistrySink(path, context, options),
    },
  ],
  [
    'docker-root',
    {
      source: async (...args) => (await import('./docker-root/open.ts')).openDockerRoot(...args),
      sink: readOnly('docker-root'),
    },
  ],
  [
    'containers-root',
    {
      source: async (...args) => (await import('./containers-root/open.ts')).openContainersRoot(...args),
      sink: readOnly('containers-root'),
    },
  ],
]);

/** `docker-archive:PATH[:REF]` taken apart; `transport` is null for a bare path. */
export interface Location {
  transport: string | null;
  path: string;
  ref: string | null;
}

/**
 * Reads how a person names a source or destination. A path that a name may follow ends at the first colon, so that
 * names with ports can follow it. Throws INVALID_ARGUMENT.
 */
export function parseLocation(text: string): Location {
  const colon = text.indexOf(':');
  const transport = text.slice(0, Math.max(colon, 0));
  const known = TRANSPORTS.get(transport);
  if (known === undefined) return { transport: null, path: text, ref: null };
  const rest = text.slice(colon + 1);
  const { operand = 'pathAndRef' } = known;
  // The transport itself says what is wrong with such a name.
  if (operand === 'own') return { transport, path: rest, ref: null };
  const [path, ref] = operand === 'pathAndRef' ? pathAndRef(rest) : [rest, null];
  if (operand === 'none' ? rest === '' : path !== '' && ref !== '') return { transport, path, ref };
  throw badArgument(text, `${quoted(text)} is not complete, or too much: write it as ${transport}:${USAGE[operand]}`);
}

function pathAndRef(rest: string): [path: string, ref: string | null] {
  const colon = rest.indexOf(':');
  return colon < 0 ? [rest, null] : [rest.slice(0, colon), rest.slice(colon + 1)];
}

const USAGE = { pathAndRef: 'PATH[:REF]', path: 'PATH', none: '' } as const;

/**
 * Opens where images come from: `TRANSPORT:PATH[:REF]`, a bare path whose kind is found out, or `-` for stdin.
 * Throws INVALID_ARGUMENT, FILE_NOT_FOUND, NOT_AN_IMAGE and what the format finds wrong.
 */
export async function openSource(text: string, context: FormatContext): Promise<ImageSource> {
  const { transport, path, ref } = parseLocation(text);
  const known = transport === null ? undefined : TRANSPORTS.get(transport);
  return known === undefined ? openUnknown(path, context) : known.source(path, ref, context);
}

/** Opens where images go: `TRANSPORT:PATH[:REF]`. Throws INVALID_ARGUMENT and what the format finds wrong. */
export async function openSink(text: string, context: FormatContext, options: SinkOptions = {}): Promise<ImageSink> {
  const { transport, path, ref } = parseLocation(text);
  const known = transport === null ? undefined : TRANSPORTS.get(transport);
  if (known === undefined) throw unknownTransport(text);
  return known.sink(path, ref, context, options);
}

async function openUnknown(path: string, context: FormatContext): Promise<ImageSource> {
  if (path !== '-' && (await isDirectory(path))) {
    return TRANSPORTS.get(await kindOfDirectory(path))!.source(path, null, context);
  }
  const { openArchiveOfAnyKind } = await import('./any-archive.ts');
  return openArchiveOfAnyKind(path, context);
}

async function kindOfDirectory(path: string): Promise<string> {
  const has = (name: string): Promise<boolean> => exists(join(path, name));
  if ((await has('index.json')) || (await has('oci-layout'))) return 'oci';
  // A docker-archive that was unpacked has a manifest.json too.
  if ((await has('manifest.json')) && (await has('version'))) return 'dir';
  if (await (await import('./docker-root/open.ts')).isDockerRoot(path)) return 'docker-root';
  const { notAnImage } = await import('./archive-file.ts');
  throw notAnImage(path, 'the directory is no OCI layout, no data directory of a Docker, nor what dir: writes');
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && /^[a-z][a-z0-9-]*:/.test(path)) throw unknownTransport(path);
    throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Data directories belong to their engine: nothing is ever written there. */
function readOnly(transport: string): Transport['sink'] {
  return (path) => {
    const message = `${transport}:${path} can only be read; write a docker-archive: and load that`;
    return Promise.reject(engineError('INVALID_ARGUMENT', message, { argument: `${transport}:${path}` }));
  };
}

/** What people of this field type, and what there is in its place. */
const INSTEAD: ReadonlyMap<string, string> = new Map([
  ['containers-storage', 'containers-root:PATH reads the directory of podman, buildah and CRI-O'],
  ['docker-daemon', 'docker-root:PATH reads the data directory of a Docker, and `docker save` gives a docker-archive:'],
  ['ocidir', 'it is called oci: here'],
]);

/** The error for a place that is in no transport there is, with what takes the place of those that people know. */
export function unknownTransport(text: string): Error {
  const name = text.slice(0, Math.max(text.indexOf(':'), 0));
  const known = [...TRANSPORTS.keys()].map((transport) => `${transport}:`).join(', ');
  const instead = INSTEAD.get(name);
  const message =
    instead === undefined
      ? `${quoted(text)} names no transport; known ones are ${known}`
      : `${name}: is not supported; ${instead}`;
  return engineError('INVALID_ARGUMENT', message, { argument: text });
}
