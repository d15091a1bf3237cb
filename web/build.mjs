// Bundles each folder of src/ that has a main.ts into dist/NAME.js and dist/NAME.css, and writes the licences of what is in them.
//   node build.mjs [OUTDIR]
// The same input gives the same bytes: tests/e2e/web-dist.sh holds dist/ to that.
import {build} from 'esbuild';
import {existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] || join(here, 'dist');
process.chdir(here);
const pages = readdirSync('src').filter(d => existsSync(`src/${d}/main.ts`)).sort();

rmSync(out, {recursive: true, force: true});
mkdirSync(out, {recursive: true});
const result = await build({
  entryPoints: Object.fromEntries(pages.map(p => [p, `src/${p}/main.ts`])),
  outdir: out, bundle: true, minify: true, format: 'iife', target: ['chrome110', 'firefox115', 'safari16'], charset: 'utf8',
  legalComments: 'none', metafile: true, logLevel: 'warning', loader: {'.svg': 'dataurl'},
});

const packages = new Map();
for (const input of Object.keys(result.metafile.inputs)) {
  const dir = /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1];
  if (!dir || packages.has(dir)) continue;
  const p = JSON.parse(readFileSync(join(dir, 'package.json'), 'utf8'));
  const licence = readdirSync(dir).find(f => /^(licen[cs]e|copying)/i.test(f));
  if (!licence) throw new Error(`${p.name} has no licence file`);
  packages.set(dir, `${p.name} ${p.version} (${p.license})\n\n${readFileSync(join(dir, licence), 'utf8').trim()}\n`);
}
writeFileSync(join(out, 'LICENSES.txt'), 'The files beside this one contain these libraries.\n\n' +
  [...packages.values()].sort().map(t => `${'-'.repeat(80)}\n${t}`).join('\n'));
