// Driver of session-killed.sh: for each line "NAME" on standard input a fresh terminal, "up NAME ID", and at the next line what became of it.
import readline from 'node:readline';
import { Terminal, jarCookie } from './terminal-lib.mjs';

const host = process.env.HOST_, cookie = jarCookie(process.env.JAR, host);
let t = null;
for await (const line of readline.createInterface({ input: process.stdin })) {
  const [verb, name] = line.split(' ');
  if (verb === 'open') {
    for (let tries = 0; ; tries += 1) { // a role that was killed is on its way back
      try { t = await Terminal.shell(host, cookie); break; } catch (e) { if (tries === 100) throw e; await new Promise((r) => setTimeout(r, 100)); }
    }
    t.type('PS1=; stty -echo; echo up-$((1 + 1))\n');
    await t.sees(/up-2/);
    console.log(`up ${name} ${t.messages.find((m) => m.state === 'ready').session}`);
  } else if (verb === 'alive') {
    t.type(`echo alive-$((5 + ${name.length}))\n`);
    await t.sees(new RegExp(`alive-${5 + name.length}`));
    console.log(`alive ${name}`);
    t.say({ type: 'close' });
    await t.ended();
  } else {
    const how = await t.ended();
    const e = t.messages.find((m) => m.type === 'error');
    console.log(`end ${name} ${how.code} ${e ? `${e.code} ${e.text}` : '-'}`);
  }
}
process.exit(0);
