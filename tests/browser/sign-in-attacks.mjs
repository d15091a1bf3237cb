import {start, signIn, go, api, raw, edge, equal, assert} from './lib.mjs';

const app = edge.app('ssh.localhost'), why = edge.app('why.localhost'), evil = edge.app('evil.test');
const b = await start({hosts: ['ssh.localhost', 'why.localhost']});
const login = host => `${edge.team}/cdn-cgi/access/login/${host}`;
const cookies = async (c, name) => (await c.cookies(edge.team)).filter(x => x.name === name).map(x => x.value);
const host = p => new URL(p.url()).host;

// --- a session that was planted before the sign-in opens nothing after it
{
  const planted = '0123456789abcdef0123456789abcdef';
  const plant = async c => { for (const name of ['CF_Session', '__Host-CF_Session', '__Host-Session']) await c.addCookies([{name, value: planted, domain: 'team.localhost', path: '/', secure: true, httpOnly: true}]); return c; };
  const victim = await plant(await b.context()), thief = await plant(await b.context());
  const p = await victim.page(), t = await thief.page();
  await t.goto(app);
  await p.goto(app);
  const form = await p.getAttribute('input[name=csrf]', 'value');
  await signIn(p);
  equal(host(p), new URL(app).host, 'the victim is in');
  await t.goto(`${edge.team}/`);
  equal(await t.textContent('h1'), 'Sign in', 'whoever planted it is not');
  await p.goto(`${edge.team}/cdn-cgi/access/logout`);
  await go(p, () => p.click('a.button:has-text("Sign out")'));
  await p.goto(app);
  assert(await p.getAttribute('input[name=csrf]', 'value') !== form, 'the mark of the next sign-in is another');
  await victim.close();
  await thief.close();
}

// --- where a sign-in leads: only ever back to a path of ours
{
  const tricks = ['//evil.test', '///evil.test/', '/\\evil.test', '\\\\evil.test', '/\t/evil.test', '/\n/evil.test', '/%09/evil.test', '/%5cevil.test', '/%2fevil.test', 'https://evil.test/',
    'https:evil.test', 'https:/evil.test', 'HTTPS://evil.test', ' https://evil.test', 'http:///evil.test', `https://team.localhost@evil.test`, `https://evil.test#${app}`,
    `${app}.evil.test/`, `//evil.test\\@ssh.localhost`, 'javascript:alert(document.domain)', 'JavaScript:%0aalert(1)', 'data:text/html,<script>alert(1)</script>', 'vbscript:x',
    '/.//evil.test', '/..//evil.test', '/a/..//evil.test', '/;@evil.test', '?//evil.test', '#//evil.test', '/\r\nLocation: https://evil.test/', '/%0d%0aLocation:%20https://evil.test/',
    '/\u2028//evil.test', '/?x=https://evil.test', '.evil.test', ':@evil.test', '@evil.test', '/cdn-cgi/access/authorized?redirect_url=//evil.test', 'a'.repeat(3000), '/' + 'a'.repeat(3000), '\u0000//evil.test', ''];
  const c = await b.context({quiet: /status of 4\d\d|ERR_TOO_MANY_REDIRECTS/});
  const p = await c.page();
  const asked = [];
  c.on('request', r => { if (/evil/.test(new URL(r.url()).host)) asked.push(r.url()); });
  await p.goto(app);
  await signIn(p);
  const cookie = (await c.cookies(edge.team)).map(x => `${x.name}=${x.value}`).join('; ');
  for (const trick of tricks) {
    const at = `${login('ssh.localhost')}?redirect_url=${encodeURIComponent(trick)}`;
    const r = await p.goto(at, {waitUntil: 'commit'});
    equal(new URL(p.url()).origin, r.status() === 400 ? edge.team : app, `${JSON.stringify(trick.slice(0, 60))} after a sign-in`);
    for (const [where, want] of [[`${login('team.localhost')}?redirect_url=`, edge.team], [`${app}/cdn-cgi/access/authorized?nonce=0&state=0&redirect_url=`, app],
      [`${edge.team}/cdn-cgi/access/logout?redirect_url=`, edge.team]]) {
      const {location} = (await raw('GET', where + encodeURIComponent(trick), {headers: {cookie, accept: 'text/html'}})).headers;
      if (location) equal(new URL(location, where).origin, want, `${where}${JSON.stringify(trick.slice(0, 60))} -> ${location}`);
    }
  }
  equal(asked.join(' '), '', 'nobody was sent elsewhere');
  await c.close();
}

// --- forms, frames and pictures on another site
{
  const c = await b.context({permissions: ['local-network-access'], quiet: /frame-ancestors|chrome-error|status of 40[0-9]|ERR_BLOCKED|another origin|X-Frame-Options|OpaqueResponse/i});
  const p = await c.page();
  let html = '';
  await c.route(`${evil}/**`, r => r.fulfill({contentType: 'text/html', body: html}));
  // its own sign-in, put into somebody else's browser
  const form = (to, fields) => `<form method=post action="${to}">${Object.entries(fields).map(([k, v]) => `<input name=${k} value="${v}">`).join('')}</form><script>document.forms[0].submit()</script>`;
  const idp = (await api('GET', '/accounts/{a}/access/identity_providers')).json.result.find(i => i.name === 'people').id;
  html = form(`${login('ssh.localhost')}?idp=${idp}&redirect_url=/`, {email: edge.email, password: edge.password, csrf: '0'.repeat(64)});
  let [r] = await Promise.all([p.waitForResponse(x => x.request().method() === 'POST'), p.goto(`${evil}/login`)]);
  equal(r.status(), 403, 'a sign-in form of another site');
  equal((await cookies(c, 'CF_Authorization')).length, 0, 'nobody is signed in by it');
  // now somebody is signed in, and a page asks in their name
  await p.goto(why);
  await signIn(p);
  const action = await p.getAttribute('form', 'action'), csrf = await p.getAttribute('input[name=csrf]', 'value');
  html = form(edge.team + action, {purpose: 'no reason', csrf});
  [r] = await Promise.all([p.waitForResponse(x => x.request().method() === 'POST'), p.goto(`${evil}/purpose`)]);
  equal(r.status(), 403, 'an answer given by another site, even with a token that it stole');
  html = `<img src="${edge.team}/cdn-cgi/access/logout?confirm=1"><img src="${app}/cdn-cgi/access/logout?confirm=1&csrf=${csrf}">` +
    `<iframe src="${edge.team}/"></iframe><iframe src="${edge.team}/cdn-cgi/access/logout"></iframe>`;
  await p.goto(`${evil}/frame`, {waitUntil: 'load'});
  for (const f of p.frames().slice(1))
    assert(!/Applications|Sign out/.test(await f.evaluate(() => document.documentElement ? document.documentElement.innerText : '').catch(() => '')), 'no page of ours in a frame of theirs');
  await p.goto(edge.team);
  equal(await p.textContent('h1'), 'Applications', 'still signed in');
  await c.close();
}

// --- honest people
{
  const c = await b.context();
  const p = await c.page();
  await p.goto(app);
  // another tab took the sign-in further: this form is too old
  await p.fill('input[name=email]', edge.email);
  await p.fill('input[name=password]', edge.password);
  await c.clearCookies();
  let r = await go(p, () => p.click('button[type=submit]'));
  equal(r.status(), 403, 'a form that is too old');
  equal(await p.inputValue('input[name=email]'), edge.email, 'what was typed');
  assert((await p.textContent('[role=alert]')).includes('SP-1103'), 'and it says why');
  equal(await p.inputValue('input[name=password]'), '', 'no password in a page');
  await p.fill('input[name=password]', edge.password);
  await go(p, () => p.click('button[type=submit]'));
  equal(host(p), new URL(app).host, 'the fresh form works');
  // two submissions at once: one session's worth of answers, no error page of the edge
  const d = await b.context();
  const q = await d.page();
  await q.goto(app);
  await q.fill('input[name=email]', edge.email);
  await q.fill('input[name=password]', edge.password);
  await Promise.all([q.waitForURL(u => u.host === new URL(app).host), q.dblclick('button[type=submit]')]);
  equal(host(q), new URL(app).host, 'a double click signs in');
  await q.goBack(); // to the form; whoever is signed in has no use for it
  equal(host(q), new URL(app).host, 'the way back after signing in');
  // the session ends while somebody writes
  await q.goto(why);
  await q.fill('input[name=purpose]', 'a long story about ticket 4711');
  equal((await api('POST', '/accounts/{a}/access/organizations/revoke_user', {email: edge.email})).status, 200, 'revoked');
  r = await go(q, () => q.click('button[type=submit]'));
  equal(r.status(), 401, 'the session is over');
  assert((await q.textContent('main')).includes('a long story about ticket 4711'), 'what was written is there');
  await go(q, () => q.click('a.button'));
  await signIn(q);
  await q.fill('input[name=purpose]', 'the story again');
  await go(q, () => q.click('button[type=submit]'));
  equal(host(q), new URL(why).host, 'and on');
  // after signing out, the way back shows nothing of what was there
  await q.goto(edge.team);
  equal(await q.textContent('h1'), 'Applications', 'the launcher');
  await q.goto(`${edge.team}/cdn-cgi/access/logout`);
  await go(q, () => q.click('a.button:has-text("Sign out")'));
  await q.goBack();
  await q.goBack();
  assert(await q.textContent('h1') !== 'Applications', 'the way back after signing out');
  await c.close();
  await d.close();
}
await b.end();
