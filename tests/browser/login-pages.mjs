// Every page of a sign-in, looked at. What is behind each of them is tested by other scripts; here it is what people see.
import {start, signIn, looks, go, client, totp, api, edge, equal, assert} from './lib.mjs';

const png = 'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const logo = 'data:image/svg+xml;base64,' + Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 32"><circle cx="16" cy="16" r="14" ' +
  'fill="#e4572e"/><path d="M40 8h70v6H40zM40 18h50v6H40z" fill="#8a9ba8"/></svg>').toString('base64');
const tile = 'data:image/svg+xml;base64,' + Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40"><rect width="40" height="40" rx="8" ' +
  'fill="#0a7d5a"/><ellipse cx="20" cy="12" rx="11" ry="4.5" fill="#fff"/><path d="M9 12v16c0 2.5 5 4.500 11 4.500s11-2 11-4.500V12" fill="none" stroke="#fff" stroke-width="2.500"/></svg>').toString('base64');
const hosts = ['ssh.localhost', 'docs.localhost', 'db.localhost', 'pay.localhost'];
const b = await start({hosts});
const all = ['-light', '-dark', '-narrow'];
const begin = Date.now();
const step = what => process.env.STEPS && console.log(((Date.now() - begin) / 1000).toFixed(1), what);

// init's link, first: nobody else has it
let c = await b.context();
let p = await c.page();
let r = await p.goto(process.env.SETUP_LINK);
await looks(p, 'setup', {shots: ['-light', '-narrow'], response: r});
const secret = await p.textContent('#totp');
assert(await p.locator('svg.qr path').count() === 1, 'a QR code');
await p.fill('input[name=password]', 'an administrator, at last');
await p.fill('input[name=code]', '000000');
r = await go(p, () => p.click('button[type=submit]'));
equal(r.status(), 403, 'a wrong code at setup');
await looks(p, 'setup, wrong code');
await p.fill('input[name=password]', 'an administrator, at last');
await p.fill('input[name=code]', totp(secret));
await go(p, () => p.click('button[type=submit]'));
assert((await p.textContent('h1')).includes('ready'), 'the account is set up');
await looks(p, 'account ready');
await c.close();
step('setup');

// sign-in as it comes, then with what the organisation wants
c = await b.context();
p = await c.page();
r = await p.goto(edge.app('ssh.localhost'));
await looks(p, 'sign-in', {shots: all, response: r});
await signIn(p, edge.email, 'not the password');
assert((await p.textContent('[role=alert]')).includes('SP-1102'), 'a wrong password is told');
equal(await p.inputValue('input[name=email]'), edge.email, 'the address stays');
await looks(p, 'wrong password');
const design = d => api('PUT', '/accounts/{a}/access/organizations', {name: 'Example Machines', login_design: d});
r = await design({background_color: '#17324d', text_color: '#1a3550', logo_path: logo, header_text: 'For people of Example Machines.', footer_text: 'Help: help@example.test'});
equal(r.status, 200, `design: ${r.text}`);
r = await p.goto(edge.app('ssh.localhost'));
equal(await p.evaluate(() => getComputedStyle(document.body).backgroundColor), 'rgb(23, 50, 77)', 'the colour');
equal(await p.evaluate(() => getComputedStyle(document.querySelector('.brand')).color), 'rgb(255, 255, 255)', 'a text that nobody could read is white instead');
assert(await p.evaluate(() => { const i = document.querySelector('.brand img'); return i.complete && i.naturalWidth > 0; }), 'the logo is shown');
await looks(p, 'sign-in-design', {shots: ['-light'], response: r});
for (const bad of [{background_color: 'red;}*{display:none'}, {background_color: '#12345'}, {text_color: 'url(//evil.test)'}, {logo_path: 'javascript:alert(1)'},
  {logo_path: 'data:text/html;base64,PHNjcmlwdD4='}, {logo_path: 'http://evil.test/x.png'},
  {logo_path: 'data:image/png;base64,PHNjcmlwdD4='}])
  equal((await design(bad)).status, 400, `design ${JSON.stringify(bad)}`);
equal((await design({logo_path: 'https://evil.test/x.png'})).status, 200, 'a logo elsewhere is kept for others to read'); // and never asked for
await p.goto(edge.team);
equal((await design({header_text: '', footer_text: '', logo_path: png})).status, 200, 'a small logo');
await p.goto(edge.team);
assert(await p.evaluate(() => document.querySelector('.brand img').naturalWidth === 1), 'the other logo is shown');
await design({});
step('sign-in');

// several ways to sign in, and the one by mail
await p.goto(edge.app('docs.localhost'));
await looks(p, 'choose', {shots: ['-light', '-narrow']});
await go(p, () => p.click('text=Continue with mail'));
await looks(p, 'one-time code');
await p.fill('input[name=email]', edge.email);
await go(p, () => p.click('button[type=submit]'));
await looks(p, 'one-time-code', {shots: ['-light']});
await p.fill('input[name=code]', '123456');
await go(p, () => p.click('button[type=submit]'));
await looks(p, 'wrong one-time code');
step('choose, code');

// who is refused, and sign-out
await p.goto(edge.app('ssh.localhost'));
await signIn(p, 'eve@elsewhere.test');
const refused = await p.textContent('main');
for (const part of ['SP-1202', 'Ask the platform team', 'eve@elsewhere.test', 'Request', 'Sign in as somebody else']) assert(refused.includes(part), `the refusal says ${part}: ${refused}`);
await looks(p, 'refused', {shots: ['-light', '-narrow']});
await go(p, () => p.click('text=Sign in as somebody else'));
await looks(p, 'sign-out', {shots: ['-light']});
await go(p, () => p.click('a.button:has-text("Sign out")'));
await looks(p, 'signed-out', {shots: ['-light']});
await go(p, () => p.click('a.button'));
equal(await p.locator('input[name=password], a.button').count() > 0, true, 'signing in again');
step('refused');

// the launcher: nothing, and many
await p.goto(`${edge.team}/`);
if (await p.locator('text=Continue with people').count()) await go(p, () => p.click('text=Continue with people'));
await signIn(p, 'eve@elsewhere.test');
await looks(p, 'empty launcher');
await p.goto(`${edge.team}/cdn-cgi/access/logout`);
await go(p, () => p.click('a.button:has-text("Sign out")'));
const apps = (await api('GET', '/accounts/{a}/access/apps')).json.result;
const db = apps.find(a => a.name === 'Database');
r = await api('PUT', `/accounts/{a}/access/apps/${db.id}`, {name: db.name, domain: db.domain, type: db.type, logo_url: tile});
equal(r.status, 200, `a logo for an application: ${r.text}`);
await p.goto(edge.app('ssh.localhost'));
await signIn(p);
await looks(p, 'ssh-application', {shots: ['-light']});
await p.goto(edge.team);
equal(await p.locator('.apps li').count(), 4, 'applications on the launcher');
assert(await p.evaluate(() => { const i = document.querySelector('.apps img'); return i.complete && i.naturalWidth > 0; }), 'the logo of an application is shown');
await looks(p, 'launcher', {shots: all});
step('launcher');

// why
await p.goto(edge.app('db.localhost'));
await looks(p, 'purpose', {shots: ['-light']});
await p.fill('input[name=purpose]', 'ticket 4711');
r = await go(p, () => p.click('button[type=submit]'));
equal(r.status(), 503, 'a tunnel that is down');
await looks(p, 'tunnel-down', {shots: ['-light']});
r = await p.goto(`${edge.app('docs.localhost')}/x`);
equal(r.status(), 502, 'a service that is down');
await looks(p, 'service-down', {shots: ['-light']});
r = await p.goto(`${edge.team}/nothing`);
equal(r.status(), 404, 'no such page');
await looks(p, 'not-found', {shots: ['-light'], response: r});
r = await p.goto(`${edge.app('ssh.localhost')}/cdn-cgi/access/authorized?nonce=x&state=y`);
await looks(p, 'stale sign-in', {response: r});
step('errors');

// may I
await p.goto(edge.app('pay.localhost'));
await looks(p, 'ask', {shots: ['-light']});
await p.fill('input[name=purpose]', 'monthly run, ticket 4712');
await go(p, () => p.click('button[type=submit]'));
await go(p, () => p.click('text=Stop looking by itself'));
const link = await p.textContent('#link');
await looks(p, 'waiting', {shots: ['-light']});
const c2 = await b.context();
const q = await c2.page();
await q.goto(link);
if (await q.locator('text=Continue with people').count()) await go(q, () => q.click('text=Continue with people'));
await signIn(q, 'erin@example.test');
await looks(q, 'approve', {shots: ['-light']});
await q.selectOption('select', '1h');
await go(q, () => q.click('button[value=approve]'));
await looks(q, 'approved');
step('approval');

// a waiting client, of a user and of an administrator
const one = client('access', 'login', edge.app('ssh.localhost'), '--no-browser');
await p.goto(await one.url);
await looks(p, 'confirm', {shots: ['-light']});
await go(p, () => p.click('button[type=submit]'));
await looks(p, 'confirmed', {shots: ['-light']});
equal((await one.done).code, 0, 'the client has its token');
const two = client('tunnel', 'login');
await q.goto(await two.url);
await looks(q, 'confirm for tunnels');
two.kill();
await two.done;
step('client');

// somebody with no way in at all
r = await q.goto(`https://nowhere.localhost:${edge.port}/`).catch(e => e.message);
assert(typeof r === 'string' || r.status() === 404, 'an unknown host');
await c2.close();
await c.close();
await b.end();
