#!/usr/bin/env node
import { compiledProgram } from './compiled-program.ts';

const args = process.argv.slice(2);
// From its sources it is loaded module by module.
const program = import.meta.url.endsWith('.ts') ? null : compiledProgram(args);
const { start } = program === null ? await import('./start.ts') : program.exports;
const code = await start(args);
if (code === 0) program?.keep();
process.exit(code);
