// What somebody with a driver of their own writes: the package's suite, run by Node's own test runner. The driver is vfs
// behind an object of ours; with BROKEN set it forgets one of its promises.
import { describe, it } from 'node:test';
import { openDriver } from 'layermill';
import { driverSuite } from 'layermill/driver-suite';

async function openOwn(context) {
  const inner = await openDriver('vfs', context);
  const own = { name: 'own', appliesInAnyOrder: false };
  for (const method of [
    'exists',
    'stage',
    'stageEmpty',
    'mount',
    'get',
    'put',
    'remove',
    'list',
    'sweep',
    'status',
    'close',
  ]) {
    own[method] = (...args) => inner[method](...args);
  }
  if (process.env.BROKEN) own.remove = async () => {};
  return own;
}

driverSuite('own', openOwn, { describe, it });
