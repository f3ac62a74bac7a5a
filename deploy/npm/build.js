// Compiles src/ twice, as ES modules and as CommonJS, each with its own types: files stay apart, so that whoever bundles
// takes only what is used.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const here = import.meta.dirname;
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
const compile = (...args) => execFileSync(process.execPath, [tsc, '--project', here, ...args], { stdio: 'inherit' });

rmSync(join(here, 'dist'), { recursive: true, force: true });
compile();
// What a file is to Node.js, and to TypeScript, the package.json next to it says.
mkdirSync(join(here, 'dist/cjs'), { recursive: true });
compile('--outDir', join(here, 'dist/cjs'), '--module', 'CommonJS', '--moduleResolution', 'Node10');
writeFileSync(join(here, 'dist/cjs/package.json'), '{"type":"commonjs"}\n');
for (const licence of ['LICENSE-APACHE', 'LICENSE-MIT']) copyFileSync(join(here, '../..', licence), join(here, licence));
