import { type GoStruct, type GoValue, marshalGo } from '../reporting/go-json.ts';
import { parseStrictJson, pickFields } from './strict-json.ts';
import { decodeFields, decodeImageJson, type FieldValue } from './v1-compat.ts';
import type { FieldKind } from './v1-config.ts';

/** The container config of Docker 1.10 in its order; those marked `?` are left out when they are not set. */
const FIELDS: Readonly<Record<string, FieldKind | `${FieldKind}?`>> = {
  Hostname: 'string',
  Domainname: 'string',
  User: 'string',
  AttachStdin: 'bool',
  AttachStdout: 'bool',
  AttachStderr: 'bool',
  ExposedPorts: 'set?',
  PublishService: 'string?',
  Tty: 'bool',
  OpenStdin: 'bool',
  StdinOnce: 'bool',
  Env: 'list',
  Cmd: 'list',
  ArgsEscaped: 'bool?',
  Image: 'string',
  Volumes: 'set',
  WorkingDir: 'string',
  Entrypoint: 'list',
  NetworkDisabled: 'bool?',
  MacAddress: 'string?',
  OnBuild: 'list',
  Labels: 'map',
  StopSignal: 'string?',
};

const KINDS: Readonly<Record<string, FieldKind>> = Object.fromEntries(
  Object.entries(FIELDS).map(([key, kind]) => [key, kind.replace('?', '') as FieldKind]),
);

const NOT_SET: { readonly [Kind in FieldKind]: GoValue } = {
  string: '',
  int: 0,
  bool: false,
  list: null,
  set: null,
  map: null,
};

/**
 * A v1 image as Docker 1.10 wrote what it had read of one: fields that it no longer knew are dropped, new ones are
 * there, and all have one order. Throws as `decodeImageJson`.
 */
export function reencodeV1(raw: Buffer): Buffer {
  const image = decodeImageJson(raw);
  const { config, container_config: ofContainer } = pickFields(
    parseStrictJson(raw, 'the image JSON') as object,
    ['config', 'container_config'],
    'the image JSON',
  );
  const own = decodeFields(config, KINDS);
  const text = (value: string): string | undefined => (value === '' ? undefined : value);
  const struct: GoStruct = {
    id: text(image.id),
    parent: text(image.parent),
    comment: text(image.comment),
    created: goTime(image.created),
    container: text(image.container),
    container_config: configStruct(decodeFields(ofContainer, KINDS) ?? {}),
    docker_version: text(image.dockerVersion),
    author: text(image.author),
    config: own === null ? undefined : configStruct(own),
    architecture: text(image.architecture),
    os: text(image.os),
    Size: image.size === 0 ? undefined : image.size,
  };
  return Buffer.from(marshalLater(struct));
}

function configStruct(fields: Readonly<Record<string, FieldValue>>): GoStruct {
  const members = Object.entries(FIELDS).map(([key, kind]) => {
    const value = encoded(KINDS[key]!, fields[key]);
    return [key, kind.endsWith('?') && isEmpty(value) ? undefined : value];
  });
  return Object.fromEntries(members) as GoStruct;
}

function encoded(kind: FieldKind, value: FieldValue | undefined): GoValue {
  if (value === undefined) return NOT_SET[kind];
  return kind === 'set' ? new Map((value as string[]).map((member) => [member, {}])) : value;
}

function isEmpty(value: GoValue): boolean {
  return value === null || value === '' || value === false || (value instanceof Map && value.size === 0);
}

/** JSON as Docker 1.10 wrote it: Go 1.5 had learnt the short escape of tabs. */
export function marshalLater(value: GoValue): string {
  return marshalGo(value).replace(/\\(?:u0009|.)/g, (escape) => (escape === '\\u0009' ? '\\t' : escape));
}

/** A time as Go prints what it has read: no zeros at the end of the fraction, nine digits at most, `Z` for no offset. */
export function goTime(text: string): string {
  const [, seconds, fraction = '', zone] = /^(.*?:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)$/.exec(text)!;
  const digits = fraction.slice(0, 9).replace(/0+$/, '');
  return `${seconds}${digits === '' ? '' : `.${digits}`}${/^[+-]00:00$/.test(zone!) ? 'Z' : zone}`;
}
