// The pages of a sign-in in a real browser: light, dark and narrow, without a serious fault of accessibility.
import {start, signIn, axe, screenshot, edge, equal, assert} from './lib.mjs';

const host = process.argv[2];
const b = await start({hosts: [host]});
for (const look of [{}, {dark: true}, {width: 320, height: 640}]) {
  const c = await b.context(look);
  const p = await c.page();
  const name = look.dark ? '-dark' : look.width ? '-narrow' : '';
  await p.goto(`${edge.app(host)}/`);
  await axe(p, `sign-in${name}`);
  await screenshot(p, `sign-in${name}`);
  await signIn(p, edge.email, 'not the password');
  assert((await p.textContent('[role=alert]')).includes('SP-1102'), 'a wrong password is told');
  await axe(p, `wrong password${name}`);
  await signIn(p);
  equal(new URL(p.url()).host, new URL(edge.app(host)).host, 'after the sign-in');
  await p.goto(edge.team);
  await axe(p, `launcher${name}`);
  await screenshot(p, `launcher${name}`);
  await c.close();
}
await b.end();
