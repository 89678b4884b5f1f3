import { register } from 'tsx/esm/api';
register();
await import('./library-child.ts');
