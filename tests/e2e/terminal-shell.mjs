// Driver of terminal-shell.sh.
import assert from 'node:assert/strict';
import { request } from './lib.mjs';
import { Terminal, jarCookie } from './terminal-lib.mjs';

const host = process.env.HOST_, cookie = jarCookie(process.env.JAR, host), user = process.env.UNIX_USER;

// what the page asks first
const about = await request(host, '/cdn-cgi/access/terminal', { headers: { cookie } });
assert.equal(about.status, 200, about.body);
assert.deepEqual(JSON.parse(about.body).users, [user]);

const t = await Terminal.shell(host, cookie, '', 101, 33);
const begun = t.messages.find((m) => m.state === 'ready');
assert.equal(begun.user, user);
assert.match(begun.session, /^[0-9a-f]{32}$/);
t.type('PS1=; stty -echo; echo me-$(id -un); stty size; echo term-$TERM; echo up-$((40 + 2))\n');
await t.sees(/up-42/);
assert.ok(t.text.includes(`me-${user}\r`));
assert.match(t.text, /33 101/);
assert.match(t.text, /term-xterm-256color/);

// a new size reaches the program
t.say({ type: 'resize', cols: 120, rows: 40 });
t.type('sleep 0.2; stty size; echo sized-$((1 + 1))\n');
await t.sees(/sized-2/);
assert.match(t.text, /40 120/);

// Ctrl-C while a gigabyte wants to be shown: the browser acknowledges, the shell answers soon
t.type('yes 0123456789012345678901234567890123456789\n');
await t.until(() => t.bytes > 2_000_000, 'output');
const t0 = Date.now();
t.type('\x03');
t.type('echo stopped-$((2 + 3))\n');
await t.sees(/stopped-5/);
console.log(`ctrl-c ${Date.now() - t0} ms after ${t.bytes} bytes`);

// no acknowledgement: no more than the window comes, and nothing is lost of it
t.autoAck = false;
const before = t.offset;
t.type('seq 1 200000 | sha256sum; seq 1 200000; echo done-$((3 + 4))\n');
await new Promise((r) => setTimeout(r, 1500));
const held = t.offset - t.acked;
assert.ok(held < 400_000, `${held} bytes without an acknowledgement (${t.offset - before})`);
t.autoAck = true;
t.ack();
await t.sees(/done-7/);

t.type('exit 7\n');
const exit = await t.message({ type: 'exit' });
assert.equal(exit.status, 7);
assert.equal((await t.ended()).code, 1000);
console.log(`session ${begun.session}`);
