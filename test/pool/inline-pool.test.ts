import { createInlinePool } from '../../src/pool/inline-pool.ts';
import { serve } from '../../workers/serve.ts';
import { poolSuite } from '../suites/pool.ts';
import { scenarioHandlers } from '../support/pool-scenarios.ts';

poolSuite('inline pool', (options) => createInlinePool(serve(scenarioHandlers), options));
