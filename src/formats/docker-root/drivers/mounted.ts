import { lstat, readdir } from 'node:fs/promises';
import { engineError } from '../../../errors/kinds.ts';
import { DEFAULT_DOCUMENT_LIMITS } from '../../../image/document-limits.ts';
import { parseStrictJson, pickFields } from '../../../image/strict-json.ts';
import type { RootFiles } from '../root-files.ts';
import { treeDriver } from './tree-driver.ts';
import type { RootDriver } from './root-driver.ts';

const POOL = 'layermill-pool';
const SECTOR_BYTES = 512;
/** A hundred thousand volumes have about 15 MB. */
const MAX_OLD_BYTES = 64 * 1024 * 1024;

/**
 * `<root>/devicemapper`: each layer is a thin volume, with the layer's files in its `rootfs`; they are there when the
 * volume is mounted on `mnt/<id>`. The metadata of a volume is in `metadata/<id>`, before 0.12 in one `json`.
 */
export function deviceMapperDriver(files: RootFiles): RootDriver {
  const name = 'devicemapper';
  let old: Promise<Record<string, unknown>> | null = null;
  const volumeOf = async (id: string): Promise<unknown> => {
    const own = await files.read(`${name}/metadata/${id}`);
    if (own !== null) return parseStrictJson(own, `${name}/metadata/${id}`);
    const all = await (old ??= oldVolumes(files));
    return Object.hasOwn(all, id) ? all[id] : null;
  };
  return treeDriver(
    name,
    async (id) => (await files.directory(`${name}/mnt/${id}`)) !== null || (await volumeOf(id)) !== null,
    async (id) => {
      const mounted = await files.directory(`${name}/mnt/${id}/rootfs`);
      if (mounted !== null) return mounted;
      throw notMounted(name, id, volumeCommands(files.root, id, decodeVolume(await volumeOf(id))));
    },
  );
}

/** `<root>/zfs/graph/<id>`: each layer is a data set that is mounted there. */
export function zfsDriver(files: RootFiles): RootDriver {
  const name = 'zfs';
  return treeDriver(
    name,
    // Of what is not mounted nothing can be seen.
    async () => (await files.directory(name)) !== null,
    async (id) => {
      const mounted = await files.directory(`${name}/graph/${id}`);
      if (mounted !== null && (await isMounted(mounted))) return mounted;
      const target = shell(`${files.root}/zfs/graph/${id}`);
      throw notMounted(name, id, [
        `mkdir -p ${target}`,
        `mount -t zfs -o ro "$(zfs list -H -o name | grep '/${id}$')" ${target}`,
      ]);
    },
  );
}

/** Also an empty layer is another file system than the directory it is mounted in. */
async function isMounted(dir: string): Promise<boolean> {
  const [own, above] = await Promise.all([lstat(dir), lstat(`${dir}/..`)]);
  return own.dev !== above.dev || (await readdir(dir)).length > 0;
}

interface Volume {
  deviceId: number;
  /** Bytes. */
  size: number;
}

/** The volumes by the ids of their layers, as Docker before 0.12 kept them. */
async function oldVolumes(files: RootFiles): Promise<Record<string, unknown>> {
  const what = 'devicemapper/devicemapper/json';
  const raw = await files.read(what, { ...DEFAULT_DOCUMENT_LIMITS, bytes: MAX_OLD_BYTES });
  const parsed = raw === null ? null : parseStrictJson(raw, what, { ...DEFAULT_DOCUMENT_LIMITS, bytes: MAX_OLD_BYTES });
  if (typeof parsed !== 'object' || parsed === null) return {};
  const { Devices: devices } = pickFields(parsed, ['Devices'], what);
  return typeof devices === 'object' && devices !== null ? (devices as Record<string, unknown>) : {};
}

/** What is not a number stays open in the command. */
function decodeVolume(value: unknown): Volume | null {
  const { device_id: deviceId, size } = (value ?? {}) as { device_id?: unknown; size?: unknown };
  return Number.isSafeInteger(deviceId) && Number.isSafeInteger(size)
    ? { deviceId: deviceId as number, size: size as number }
    : null;
}

/** What attaches the pool and the volume without writing to either. */
function volumeCommands(root: string, id: string, volume: Volume | null): string[] {
  const pool = `${root}/devicemapper/devicemapper`;
  const target = shell(`${root}/devicemapper/mnt/${id}`);
  const sectors = volume === null ? 'SECTORS' : String(Math.floor(volume.size / SECTOR_BYTES));
  const device = volume === null ? 'DEVICE_ID' : String(volume.deviceId);
  return [
    // A pool opens its data for writing, also when it is told that it may not write.
    `data=$(losetup -f --show ${shell(`${pool}/data`)}) meta=$(losetup -r -f --show ${shell(`${pool}/metadata`)})`,
    `dmsetup create ${POOL} -r --table "0 $(blockdev --getsz $data) thin-pool $meta $data 128 0 1 read_only"`,
    `dmsetup create ${id} -r --table "0 ${sectors} thin /dev/mapper/${POOL} ${device}"`,
    `mkdir -p ${target} && mount -o ro,noload /dev/mapper/${id} ${target}`,
  ];
}

function shell(path: string): string {
  return `'${path.replaceAll("'", `'\\''`)}'`;
}

function notMounted(driver: string, id: string, commands: string[]): Error {
  const message =
    `layer ${id} is on a ${driver} volume that is not mounted; mount it and run this again:\n` +
    commands.map((command) => `  ${command}`).join('\n');
  return engineError('LAYER_NOT_MOUNTED', message, { driver, id, commands });
}
