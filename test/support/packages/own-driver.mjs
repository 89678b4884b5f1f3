// What somebody with a driver of their own writes: the package's suite, run by Node's own test runner. The driver is vfs
// behind an object of ours; with BROKEN set it forgets one of its promises.
import { describe, it } from 'node:test';
import { openDriver } from 'layermill';
import { driverSuite } from 'layermill/driver-suite';

const own = { name: 'own', ...(process.env.BROKEN ? { remove: async () => {} } : {}) };

async function openOwn(context) {
  const get = (inner, key) => {
    const value = Object.hasOwn(own, key) ? own[key] : inner[key];
    return typeof value === 'function' ? value.bind(inner) : value;
  };
  return new Proxy(await openDriver('vfs', context), { get });
}

driverSuite('own', openOwn, { describe, it });
