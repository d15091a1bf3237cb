// Files to and from the host beside a shell, byte for byte; driver of terminal-files.sh.
import {createHash, randomBytes} from 'node:crypto';
import {readFileSync, writeFileSync} from 'node:fs';
import {start, edge, axe, screenshot, assert, equal} from './lib.mjs';
import {run, shell, type, sees} from './terminal.mjs';

const host = process.argv[2], dir = process.argv[3]; // a folder of the host's user
const sha = b => createHash('sha256').update(b).digest('hex');
const b = await start({hosts: [host]});
const c = await b.context({acceptDownloads: true});
const p = await shell(c, host);
const transfer = (title, how) => p.waitForFunction(([t, h]) => [...document.querySelectorAll('.transfers li')].some(l => l.textContent.includes(t) && l.textContent.includes(h)),
  [title, how], {timeout: 30000}).catch(async () => { throw new Error(`transfer ${title} ${how}: ${await p.textContent('.files')}`); });

await p.click('text=Files');
await p.fill('.files input[type=text]', dir);
await p.click('.files button[type=submit]');
await p.waitForFunction(d => document.querySelector('.files input[type=text]').value === d, dir);

// up: binary, three megabytes and a bit, and an empty one, and one whose name is strange
const up = randomBytes(3_333_333);
const odd = 'räksmörgås 界 #1 <b>.bin';
await p.setInputFiles('#upload', [{name: 'up.bin', mimeType: 'application/octet-stream', buffer: up}, {name: 'empty', mimeType: '', buffer: Buffer.alloc(0)},
  {name: odd, mimeType: '', buffer: Buffer.from('odd')}]);
await transfer('up.bin', 'done');
await transfer('empty', 'done');
await transfer(odd, 'done');
equal(sha(readFileSync(`${dir}/up.bin`)), sha(up), 'what was uploaded');
equal(readFileSync(`${dir}/empty`).length, 0, 'an empty file');
equal(String(readFileSync(`${dir}/${odd}`)), 'odd', 'a strange name');
await axe(p, 'files');
await screenshot(p, 'terminal-files');

// again: it asks; no is no, yes replaces
const next = randomBytes(1000);
for (const yes of [false, true]) {
  await p.setInputFiles('#upload', [{name: 'up.bin', mimeType: '', buffer: next}]);
  await p.waitForSelector('dialog[open]');
  await p.click(`dialog[open] button:has-text("${yes ? 'Replace' : 'Cancel'}")`);
  await p.waitForFunction(() => !document.querySelector('.transfers li progress'));
  equal(sha(readFileSync(`${dir}/up.bin`)), sha(yes ? next : up), yes ? 'replaced' : 'left alone');
}

// dropped on the page
await p.evaluate(() => {
  const d = new DataTransfer();
  d.items.add(new File(['dropped content'], 'dropped.txt'));
  document.querySelector('.panes').dispatchEvent(new DragEvent('drop', {bubbles: true, cancelable: true, dataTransfer: d}));
});
await transfer('dropped.txt', 'done');
equal(String(readFileSync(`${dir}/dropped.txt`)), 'dropped content', 'dropped');

// down: byte for byte, while the shell works on
writeFileSync(`${dir}/down.bin`, randomBytes(5_000_001));
await p.click('.files button:has-text("Go")');
const [d] = await Promise.all([p.waitForEvent('download'), p.click('button[aria-label="Download down.bin"]')]);
equal(d.suggestedFilename(), 'down.bin', 'its name');
equal(sha(readFileSync(await d.path())), sha(readFileSync(`${dir}/down.bin`)), 'what was downloaded');

// what cannot be: a folder without permission
await p.fill('.files input[type=text]', '/root-only');
await p.click('.files button[type=submit]');
await p.waitForFunction(() => /no such file/.test(document.querySelector('.files [role=status]').textContent));
await p.click('.files button[aria-label=Close]');
await run(p, 'echo still-$((1 + 1))', /still-2/);
await b.end();
