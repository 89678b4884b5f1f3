import type { GoStruct, GoValue } from '../reporting/go-json.ts';

/** What a container of a v1 image runs with: `runconfig.Config` of Docker 0.11, every key always present. */
export interface V1Config {
  Hostname: string;
  Domainname: string;
  User: string;
  Memory: number;
  MemorySwap: number;
  CpuShares: number;
  AttachStdin: boolean;
  AttachStdout: boolean;
  AttachStderr: boolean;
  PortSpecs: string[] | null;
  ExposedPorts: string[] | null;
  Tty: boolean;
  OpenStdin: boolean;
  StdinOnce: boolean;
  Env: string[] | null;
  Cmd: string[] | null;
  Image: string;
  Volumes: string[] | null;
  WorkingDir: string;
  Entrypoint: string[] | null;
  NetworkDisabled: boolean;
  OnBuild: string[] | null;
}

/** What a field holds. A `set` is a JSON object of empty objects, a `map` one of strings. */
export type FieldKind = 'string' | 'int' | 'bool' | 'list' | 'set' | 'map';

/** The kinds of its fields, in the order in which Go writes them. */
export const V1_CONFIG_FIELDS: { readonly [Key in keyof V1Config]: Exclude<FieldKind, 'map'> } = {
  Hostname: 'string',
  Domainname: 'string',
  User: 'string',
  Memory: 'int',
  MemorySwap: 'int',
  CpuShares: 'int',
  AttachStdin: 'bool',
  AttachStdout: 'bool',
  AttachStderr: 'bool',
  PortSpecs: 'list',
  ExposedPorts: 'set',
  Tty: 'bool',
  OpenStdin: 'bool',
  StdinOnce: 'bool',
  Env: 'list',
  Cmd: 'list',
  Image: 'string',
  Volumes: 'set',
  WorkingDir: 'string',
  Entrypoint: 'list',
  NetworkDisabled: 'bool',
  OnBuild: 'list',
};

const EMPTY = { string: '', int: 0, bool: false, list: null, set: null } as const;

const EMPTY_CONFIG: Readonly<V1Config> = Object.fromEntries(
  Object.entries(V1_CONFIG_FIELDS).map(([key, kind]) => [key, EMPTY[kind]]),
) as unknown as V1Config;

/** A config in which nothing is set. */
export function emptyV1Config(): V1Config {
  return { ...EMPTY_CONFIG };
}

/** The config as `marshalGo` takes it. */
export function v1ConfigStruct(config: V1Config): GoStruct {
  const fields: Record<string, GoValue> = {};
  for (const [key, kind] of Object.entries(V1_CONFIG_FIELDS)) {
    const value = config[key as keyof V1Config];
    fields[key] = kind === 'set' && Array.isArray(value) ? new Map(value.map((member) => [member, {}])) : value;
  }
  return fields;
}
