// Driver of terminal-back.sh.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { Terminal, jarCookie } from './terminal-lib.mjs';

const host = process.env.HOST_, cookie = jarCookie(process.env.JAR, host), other = jarCookie(process.env.JAR2, host);
const t = await Terminal.shell(host, cookie);
const id = t.messages.find((m) => m.state === 'ready').session;
t.type('PS1=; stty -echo; echo pid-$$-end; X=kept-$((20 + 22))\n');
const pid = (await t.sees(/pid-(\d+)-end/))[1];

// a lost connection: output goes on, nothing of it is lost or doubled
t.type('sleep 0.5; seq 1 5000; echo all-$((1 + 1))\n');
t.drop();
await t.ended();
const got = t.offset, text = t.text;
const back = new Terminal(host, cookie);
assert.equal(await back.connect(`?session=${id}`), 101);
await back.message({ type: 'state', state: 'back' });
back.open(90, 30, got);
await back.ready();
await back.sees(/all-2/);
const whole = (text + back.text).replace(/\r/g, '');
assert.ok(whole.includes([...Array(5000).keys()].map((i) => i + 1).join('\n')), 'bytes are missing');
back.type('echo again-$$-$X; stty size; echo here-$((3 + 3))\n');
await back.sees(/here-6/);
assert.ok(back.text.includes(`again-${pid}-kept-42`), back.text.slice(-300));
assert.match(back.text, /30 90/);

// a reload: what was shown comes again; the older window is told
const reload = new Terminal(host, cookie);
assert.equal(await reload.connect(`?session=${id}`), 101);
assert.equal((await back.message({ type: 'error' })).code, 'SP-1710');
await back.ended();
reload.open(90, 30, 0);
await reload.ready();
await reload.sees(/here-6/);
assert.ok(reload.text.includes(`pid-${pid}-end`), 'the beginning is not shown again');

// somebody else, even of the same company; an id that is nobody's; another sign-in of the same person
for (const [c, q] of [[other, id], [cookie, '0'.repeat(32)], [cookie, `${id}0`], [jarCookie(process.env.JAR3, host), id]]) {
  const thief = new Terminal(host, c);
  assert.equal(await thief.connect(`?session=${q}`), 404, `${q}: ${thief.body}`);
  assert.match(thief.body, /SP-1710/);
}
// without a cookie, of another site, with a broken cookie
for (const [c, opt, status] of [[null, {}, 401], [cookie, { origin: 'https://evil.test' }, 403], [cookie, { origin: null }, 403],
  [cookie, { origin: `https://${process.env.TEAM_HOST}:${process.env.UPORT}` }, 403], [`${cookie}x`, {}, 401], [`${cookie}; ${other}`, {}, 400],
  [`CF_Authorization=${process.env.CLIENT_TOKEN}`, {}, 401], // of a client, for its key: what connectors get to see is of that kind
  [null, { headers: { 'cf-access-token': cookie.split('=')[1] } }, 401]]) {
  for (const q of ['', `?session=${id}`]) {
    const thief = new Terminal(host, c);
    assert.equal(await thief.connect(q, opt), status, `${JSON.stringify(opt)} ${q}: ${thief.body}`);
  }
}
// a Unix user that the policy does not give
const root = new Terminal(host, cookie);
assert.equal(await root.connect('?user=root'), 403);
assert.match(root.body, /SP-1304/);

reload.type('echo still-$((4 + 4))\n');
await reload.sees(/still-8/);

// withdrawn: the reason is said, to a window that is open
fs.writeFileSync(process.env.FLAG, 'go');
const end = await reload.message({ type: 'error' }, 'the cut', 20000);
assert.equal(end.code, 'SP-1707');
assert.match(end.text, /revoked by an administrator/);
assert.equal((await reload.ended()).code, 1000);
assert.notEqual(await new Terminal(host, cookie).connect(`?session=${id}`), 101);
console.log(`session ${id}`);
