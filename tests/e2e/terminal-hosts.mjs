// node terminal-hosts.mjs HOST [QUERY]: opens a terminal there; prints the refusal's code and text, or "ready KEY" after one command.
import { Terminal, jarCookie } from './terminal-lib.mjs';

const [, , host, query = ''] = process.argv;
const t = new Terminal(host, jarCookie(process.env.JAR, host));
const status = await t.connect(query);
if (status !== 101) {
  console.log(`${status} ${t.body}`);
} else {
  t.open(80, 24);
  const m = await t.until(() => t.messages.find((x) => x.type === 'error' || x.state === 'ready'), 'an answer', 60000);
  if (m.type === 'error') {
    console.log(`${m.code} ${m.text}`);
  } else {
    t.type('echo in-$((1 + 1))\n');
    await t.sees(/in-2/);
    console.log('ready');
    t.say({ type: 'close' });
  }
  await t.ended();
}
process.exit(0);
