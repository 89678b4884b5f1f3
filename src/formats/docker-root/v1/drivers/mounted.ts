import { lstat, readdir } from 'node:fs/promises';
import { engineError } from '../../../../errors/kinds.ts';
import { pickFields, parseStrictJson } from '../../../../image/strict-json.ts';
import type { RootFiles } from '../root-files.ts';
import { treeDriver } from './tree-driver.ts';
import type { V1Driver } from './v1-driver.ts';

const POOL = 'layermill-pool';
const SECTOR_BYTES = 512;

/**
 * `<root>/devicemapper`: each layer is a thin volume, with the layer's files in its `rootfs`; they are there when the
 * volume is mounted on `mnt/<id>`. The metadata of a volume is in `metadata/<id>`, before 0.12 in one `json`.
 */
export function deviceMapperDriver(files: RootFiles): V1Driver {
  const name = 'devicemapper';
  return treeDriver(
    name,
    async (id) => (await files.directory(`${name}/mnt/${id}`)) !== null || (await volumeOf(files, id)) !== null,
    async (id) => {
      const mounted = await files.directory(`${name}/mnt/${id}/rootfs`);
      if (mounted !== null) return mounted;
      throw notMounted(name, id, volumeCommands(files.root, id, await volumeOf(files, id)));
    },
  );
}

/** `<root>/zfs/graph/<id>`: each layer is a data set that is mounted there. */
export function zfsDriver(files: RootFiles): V1Driver {
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

async function volumeOf(files: RootFiles, id: string): Promise<Volume | null> {
  const own = await files.read(`devicemapper/metadata/${id}`);
  if (own !== null) return decodeVolume(parseStrictJson(own, `devicemapper/metadata/${id}`));
  const all = await files.read('devicemapper/devicemapper/json');
  if (all === null) return null;
  const what = 'devicemapper/devicemapper/json';
  const parsed = parseStrictJson(all, what);
  const { Devices: devices } =
    typeof parsed === 'object' && parsed !== null ? pickFields(parsed, ['Devices'], what) : {};
  return typeof devices === 'object' && devices !== null && Object.hasOwn(devices, id)
    ? decodeVolume((devices as Record<string, unknown>)[id])
    : null;
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
    `data=$(losetup -r -f --show ${shell(`${pool}/data`)}) meta=$(losetup -r -f --show ${shell(`${pool}/metadata`)})`,
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
