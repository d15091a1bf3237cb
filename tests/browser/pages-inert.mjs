import {start, signIn, go, api, raw, edge, equal, assert} from './lib.mjs';

const bad = process.env.BAD, provider = new URL(process.argv[2]).port;
const b = await start({hosts: ['open.localhost', 'why.localhost', 'ask.localhost']});
const theirs = [new RegExp(`^http://localhost:${provider}$`)];
const open = async () => {
  const c = await b.context({allow: theirs, quiet: /localhost:\d+\/(interaction|auth|authorize)/});
  const p = await c.page();
  p.on('dialog', d => { throw new Error(`a dialog: ${d.message()}`); });
  return p;
};
let pages = 0;
/* Everything of the payload is text of this page, in one piece, and nothing of it became markup. */
async function inert(p, name, ...shown) {
  equal(await p.evaluate(() => typeof window.xss), 'undefined', `${name}: script ran`);
  const odd = await p.evaluate(() => [...document.querySelectorAll('script, iframe, object, embed, base, meta[http-equiv], svg[onload], [onerror], [onload], [style], img:not([src^="/cdn-cgi/access/"]), a[href*="evil"], link[href*="evil"]')]
    .map(e => e.outerHTML.slice(0, 150)).join('\n'));
  equal(odd, '', `${name}: markup`);
  assert(!p.url().includes('evil.test/') || new URL(p.url()).host.endsWith(`localhost:${edge.port}`), `${name}: led to ${p.url()}`);
  const text = await p.evaluate(() => document.title + '\n' + document.body.textContent + '\n' + [...document.querySelectorAll('input')].map(i => i.value).join('\n'));
  for (const what of shown) assert(text.includes(what + bad), `${name} does not show "${what}..." whole:\n${text}`);
  pages++;
}

const org = await api('PUT', '/accounts/{a}/access/organizations', {name: 'org ' + bad, login_design: {header_text: 'head ' + bad, footer_text: 'foot ' + bad}});
equal(org.status, 200, `organisation: ${org.text}`);
const idps = (await api('GET', '/accounts/{a}/access/identity_providers')).json.result;
const idp = kind => idps.find(i => i.name.startsWith(kind + ' ')).id;
const around = ['org ', 'head ', 'foot '];

const p = await open();
await p.goto(edge.app('open.localhost'));
await inert(p, 'the chooser', ...around, 'open ', 'Continue with people ', 'Continue with corp ');
await p.goto(p.url() + `&idp=${idp('people')}`);
await p.evaluate(() => { document.forms[0].noValidate = true; });
await signIn(p, bad, 'x');
await inert(p, 'a sign-in with that for an address', ...around);
await p.evaluate(() => { document.forms[0].noValidate = true; });
await signIn(p, 'eve@elsewhere.test');
await inert(p, 'the refusal', ...around, 'open ', 'denied ');
await p.goto(`${edge.team}/cdn-cgi/access/logout`);
await inert(p, 'sign-out', ...around);
await go(p, () => p.click('a.button'));
await p.goto(edge.app('open.localhost') + `/cdn-cgi/access/cli?token=${encodeURIComponent(bad)}&aud=${encodeURIComponent(bad)}`);
await inert(p, 'a client with no key');
for (const at of [`/${encodeURIComponent(bad)}`, `/cdn-cgi/access/login/${encodeURIComponent(bad)}`, `/cdn-cgi/access/login/open.localhost?kid=${encodeURIComponent(bad)}`,
  `/cdn-cgi/access/login/open.localhost?idp=${encodeURIComponent(bad)}`, `/cdn-cgi/access/login/open.localhost?idp=${idp('people')}&redirect_url=/${encodeURIComponent(bad)}&state=${'a'.repeat(64)}`,
  `/cdn-cgi/access/callback?state=x&error=${encodeURIComponent(bad)}&error_description=${encodeURIComponent(bad)}`, `/cdn-cgi/access/approve/${encodeURIComponent(bad)}`,
  `/cdn-cgi/access/setup/${encodeURIComponent(bad)}`, `/cdn-cgi/access/test/${encodeURIComponent(bad)}`, `/cdn-cgi/access/logout?csrf=${encodeURIComponent(bad)}`,
  `/cdn-cgi/access/cli?app=${encodeURIComponent(bad)}&token=${encodeURIComponent(bad)}`, `/cdn-cgi/access/tunnel-login?token=${encodeURIComponent(bad)}`]) {
  await p.goto(edge.team + at);
  await inert(p, at.slice(0, 60), ...around);
}
// as the person with the odd address
await p.goto(`${edge.team}/cdn-cgi/access/login/team.localhost?idp=${idp('people')}`);
await signIn(p, "o'brien&{0}@example.test");
await inert(p, 'the launcher', ...around, 'open ', 'why ', 'ask ');
assert((await p.textContent('.top')).includes("o'brien&{0}@example.test"), 'an odd address, as it is');
await p.goto(edge.app('why.localhost'));
await inert(p, 'purpose', 'prompt ', 'why ');
await p.fill('input[name=purpose]', 'x'.repeat(700) + bad);
await p.evaluate(() => { document.querySelector('input[name=purpose]').maxLength = 5000; });
await p.fill('input[name=purpose]', 'said '.padStart(900, 'x') + bad);
await go(p, () => p.click('button[type=submit]'));
await inert(p, 'purpose, too long', 'prompt ', 'said ');
await p.fill('input[name=purpose]', 'said ' + bad);
await go(p, () => p.click('button[type=submit]'));
await inert(p, 'the application', 'why ');
// somebody asks; the odd one decides
const q = await open();
await q.goto(edge.app('ask.localhost'));
await q.goto(q.url() + `&idp=${idp('people')}`);
await signIn(q);
await inert(q, 'asking', 'prompt ', 'ask ');
await q.fill('input[name=purpose]', 'reason ' + bad);
await go(q, () => q.click('button[type=submit]'));
await go(q, () => q.click('text=Stop looking by itself'));
await inert(q, 'waiting', 'ask ', 'reason ');
await p.goto(await q.textContent('#link'));
await inert(p, 'deciding', ...around, 'ask ', 'reason ');
await go(p, () => p.click('button[value=refuse]'));
await inert(p, 'decided', 'ask ', 'reason ');
// what a provider says: to the administrator who tries it, and at a sign-in
await q.goto(`${edge.team}/cdn-cgi/access/test/${idp('corp')}`);
await inert(q, 'a provider that says so', ...around, 'corp ', 'claimed ', 'group ');
const cookie = (await q.context().cookies(edge.team)).map(x => `${x.name}=${x.value}`).join('; ');
const begun = await raw('GET', `${edge.team}/cdn-cgi/access/test/${idp('corp')}`, {headers: {cookie, accept: 'text/html'}});
await q.goto(`${edge.team}/cdn-cgi/access/callback?state=${new URL(begun.headers.location).searchParams.get('state')}&error=${encodeURIComponent('error ' + bad)}`);
await inert(q, 'a provider that fails', ...around, 'corp ', 'error ');
await b.end();
assert(pages > 25, `${pages} pages`);
