import { openPortableSystem } from '../../src/system/portable.ts';
import { systemSuite } from '../suites/system.ts';

systemSuite('portable system', openPortableSystem, false);
