// node terminal-many.mjs N: opens N terminals at once, runs a command in each, says how long it took and waits for a line on standard input; then has each
// answer once more (the time of each echo) and closes them.
import assert from 'node:assert/strict';
import readline from 'node:readline';
import { Terminal, jarCookie } from './terminal-lib.mjs';

const host = process.env.HOST_, cookie = jarCookie(process.env.JAR, host), n = Number(process.argv[2]);
const t0 = Date.now();
const all = await Promise.all([...Array(n)].map(async (_, i) => {
  const t = await Terminal.shell(host, cookie);
  t.type(`PS1=; stty -echo; echo me-$((${i} * 1000 + 7))-\n`);
  await t.sees(new RegExp(`me-${i * 1000 + 7}-`), 60000);
  return t;
}));
console.log(`open ${n} in ${Date.now() - t0} ms`);
for await (const line of readline.createInterface({ input: process.stdin })) { if (line) break; }
const times = [];
for (const [i, t] of all.entries()) {
  const b = process.hrtime.bigint();
  t.type(`echo yet-$((${i} + 1000000))-\n`);
  await t.sees(new RegExp(`yet-${i + 1000000}-`));
  times.push(Number(process.hrtime.bigint() - b) / 1e6);
}
times.sort((a, b) => a - b);
console.log(`echo p50 ${times[n >> 1].toFixed(1)} ms, p99 ${times[Math.floor(n * 0.99)].toFixed(1)} ms`);
for (const t of all) t.say({ type: 'close' });
for (const t of all) assert.equal((await t.ended()).code, 1000);
process.exit(0);
