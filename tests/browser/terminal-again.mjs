// The same shell again, in a browser: after a reload, after connections were cut, in several tabs; and its end when access is withdrawn.
// Driver of terminal-again.sh. The browser reaches the edge through a proxy of ours, which cuts.
import net from 'node:net';
import {execFileSync} from 'node:child_process';

const real = Number(process.env.UPORT), host = process.argv[2], socks = new Set();
let up = true;
const proxy = net.createServer(a => {
  if (!up) return void a.destroy();
  const b = net.connect(real, '127.0.0.1');
  for (const [x, y] of [[a, b], [b, a]]) {
    socks.add(x);
    x.pipe(y);
    x.on('error', () => y.destroy());
    x.on('close', () => { socks.delete(x); y.destroy(); });
  }
});
await new Promise(r => proxy.listen(0, '127.0.0.1', r));
process.env.UPORT = String(proxy.address().port); // the edge names itself by the port it was reached by
const cut = () => { for (const s of socks) s.destroy(); };

const {start, edge, signIn, axe, screenshot, assert, equal} = await import('./lib.mjs');
const {run, sees, shell, quiet, state, stateIs, type, screenText} = await import('./terminal.mjs');
const b = await start({hosts: [host]});
// what a browser writes to its console about a connection that we cut
const c = await b.context({quiet: /WebSocket connection|ERR_(CONNECTION|EMPTY|SOCKET|NETWORK|INTERNET)|status of 401/});
const p = await shell(c, host);

// a reload: the same shell, its screen, its variables
await run(p, 'mark=kept-$$; echo "pid $mark"', /^pid kept-\d+$/m);
const pid = /^pid (kept-\d+)$/m.exec(await screenText(p))[1];
await p.reload();
await stateIs(p, 'ready');
await sees(p, new RegExp(`^pid ${pid}$`, 'm'));
await run(p, 'echo "again $mark"', new RegExp(`^again ${pid}$`, 'm'));

// what asked the former page a question is not answered once more by this one: nothing is typed into the shell
await run(p, "printf '\\033[c\\033[6n\\033[5n'; sleep 0.3; read -t 1 -n 200 -s junk; echo asked", /^asked$/m);
await p.reload();
await stateIs(p, 'ready');
await sees(p, /^asked$/m);
await run(p, 'read -t 1 -n 1 x; echo "typed [$x]"', /^typed \[\]$/m);

// the connection is cut while it prints: nothing is missing, nothing comes twice
await type(p, 'for i in $(seq 1 400); do echo "line $i"; sleep 0.005; done; echo counted\n');
await sees(p, /^line 40$/m);
up = false;
cut();
await p.waitForFunction(() => document.getElementById('terminal').dataset.state === 'connecting');
await sees(p, /^line 40$/m);
await screenshot(p, 'terminal-reconnecting');
up = true;
await stateIs(p, 'ready');
await sees(p, /^counted$/m);
const lines = (await screenText(p)).match(/^line \d+$/mg).map(l => Number(l.slice(5)));
equal(lines.join(), Array.from({length: 400}, (_, i) => i + 1).join(), 'lines after the cut');
await run(p, 'echo "still $mark"', new RegExp(`^still ${pid}$`, 'm'));

// several shells; each its own
await p.click('button[aria-label="New shell"]');
await p.waitForFunction(() => document.querySelectorAll('[role=tab]').length === 2);
await stateIs(p, 'ready');
await quiet(p);
await run(p, 'echo "second ${mark:-none}"', /^second none$/m);
await p.reload();
await p.waitForFunction(() => document.querySelectorAll('[role=tab]').length === 2);
await stateIs(p, 'ready');
await sees(p, /^second none$/m);
await p.keyboard.press('Control+Alt+PageUp');
await run(p, 'echo "first $mark"', new RegExp(`^first ${pid}$`, 'm'));
await axe(p, 'two shells');
await p.click('button[aria-label="Close this shell"]');
await p.click('dialog[open] button:has-text("Close this shell")');
await p.waitForFunction(() => document.querySelectorAll('[role=tab]').length === 1);
await run(p, 'echo "left ${mark:-none}"', /^left none$/m);

// a second window of the same shell takes it over; the first can take it back
const q = await c.page();
const id = await p.evaluate(() => sessionStorage.getItem('sallyport-shells'));
await q.goto(`${edge.app(host)}/cdn-cgi/access/style.css`);
await q.evaluate(s => sessionStorage.setItem('sallyport-shells', s), id);
await q.goto(`${edge.app(host)}/`);
await stateIs(q, 'ready');
await stateIs(p, 'closed');
await p.click('.card button:has-text("Continue here")');
await stateIs(p, 'ready');
await stateIs(q, 'closed');
await q.close();
await run(p, 'echo taken-$((4 + 4))', /^taken-8$/m);

// access is withdrawn: closed at once, with why, and the next try leads to a sign-in
await p.evaluate(() => { window.began = performance.now(); });
execFileSync(process.env.SP, ['admin', 'revoke', '--email', edge.email], {env: {...process.env, UPORT: String(real)}});
await stateIs(p, 'closed', 5000);
const why = await p.textContent('.card');
assert(/SP-1707|SP-1207/.test(why) && /withdrawn|revoked|access/i.test(why), `why: ${why}`);
await axe(p, 'revoked');
await screenshot(p, 'terminal-revoked');
await p.click('.card button');
await p.waitForFunction(() => /sign in again/i.test(document.querySelector('.card')?.textContent ?? ''));
await p.click('.card button');
await p.waitForSelector('input[name=password]');
await signIn(p);
await stateIs(p, 'ready');
await b.end();
proxy.close();
cut();
