// A shell in the browser from sign-in to its end; driver of terminal-page.sh.
import {start, edge, axe, screenshot, assert, equal} from './lib.mjs';
import {run, sees, shell, stateIs, type} from './terminal.mjs';

const host = process.argv[2], user = process.env.UNIX_USER;
const b = await start({hosts: [host]});
const c = await b.context();
const sizes = [];
c.on('response', r => {
  if (new URL(r.url()).pathname.startsWith('/cdn-cgi/access/assets/') || r.url() === `${edge.app(host)}/`) sizes.push(r.request().sizes().then(s => s.responseBodySize + s.responseHeadersSize));
});
const p = await shell(c, host);
const first = (await Promise.all(sizes)).reduce((a, n) => a + n, 0);
assert(first > 50_000 && first < 250_000, `first load: ${first} bytes`);
console.log(`first load ${first} bytes`);

await run(p, 'echo "me-$(id -un)"', new RegExp(`^me-${user}$`, 'm'));
// size
const size = () => p.evaluate(() => `${window.terminal.rows} ${window.terminal.cols}`);
await run(p, 'echo "size $(stty size)."', new RegExp(`^size ${await size()}\\.$`, 'm'));
const before = await size();
await p.setViewportSize({width: 700, height: 500});
await p.waitForFunction(s => `${window.terminal.rows} ${window.terminal.cols}` !== s, before);
await run(p, 'sleep 0.2; echo "then $(stty size)."', new RegExp(`^then ${await size()}\\.$`, 'm'));
await p.setViewportSize({width: 1280, height: 800});
await p.waitForFunction(s => `${window.terminal.rows} ${window.terminal.cols}` === s, before);

// wide and combining characters take the cells they should
await run(p, "printf 'x\\347\\225\\214\\360\\237\\231\\202e\\314\\201|\\n'", /^x界🙂e\u0301\|$/m);
const cells = await p.evaluate(() => {
  const a = window.terminal.buffer.active;
  for (let i = a.length - 1; i >= 0; i--) {
    const l = a.getLine(i);
    if (l.translateToString(true).startsWith('x界')) return l.translateToString(false).trimEnd().length && [1, 3, 5].map(k => l.getCell(k).getWidth()).join();
  }
});
equal(cells, '2,2,1', 'cells of wide characters');
await axe(p, 'terminal');
await screenshot(p, 'terminal');

// the title of a program is shown, without what could fool the eye
await run(p, "printf '\\033]0;deploy \\342\\200\\256gnp.exe\\007'; echo titled", /^titled$/m);
await p.waitForFunction(() => /deploy/.test(document.title));
assert(!/[\u202a-\u202e]/.test(await p.title()) && (await p.title()).startsWith('ssh'), `title: ${await p.title()}`);

// the end
await type(p, 'exit 7\n');
await stateIs(p, 'closed');
assert((await p.textContent('.card .why')).includes('7'), 'the status is told');
await axe(p, 'closed terminal');
await screenshot(p, 'terminal-closed');
await p.click('.card button');
await stateIs(p, 'ready');
await run(p, 'echo again-$((1 + 1))', /again-2/);
await b.end();
