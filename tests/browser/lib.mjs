// A real browser for the tests: Debian's chromium, driven by playwright-core.
//
//   import {start} from './lib.mjs';
//   const b = await start();                       one chromium; b.edge: what the e2e script passed on (see `browser` in fixture.sh)
//   const c = await b.context({dark: true});       a browser profile of its own; see context() for what may be asked
//   const p = await c.page();                      a tab: playwright's Page, watched
//   await signIn(p, email, password, code?);       fills the sign-in form that is open
//   await axe(p, 'name');                          throws on a serious or critical fault of accessibility
//   await looks(p, 'name', {...});                 axe in light, dark and narrow, and what pages without script promise
//   await screenshot(p, 'name');                   docs/screenshots/name.png, only with SCREENSHOTS=1
//   await b.end();                                 throws if a page misbehaved: see watch()
//
// What a page may not do is checked on every page without being asked: an error on the console, a violation of its own
// Content-Security-Policy, an uncaught exception, a request to another origin, a certificate that the edge's CA did not sign.
import {chromium} from 'playwright-core';
import {readFileSync, mkdirSync, mkdtempSync} from 'node:fs';
import {createHash, createHmac, X509Certificate} from 'node:crypto';
import {spawn} from 'node:child_process';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import tls from 'node:tls';

const here = dirname(fileURLToPath(import.meta.url));
const axeSource = readFileSync(join(here, 'node_modules/axe-core/axe.min.js'), 'utf8');
const shots = join(here, '../../docs/screenshots');

export const edge = {
  port: process.env.UPORT,
  team: `https://${process.env.TEAM_HOST || 'team.localhost'}:${process.env.UPORT}`,
  app: host => `https://${host || process.env.HOST_ || 'ssh.localhost'}:${process.env.UPORT}`,
  ca: process.env.SALLYPORT_CA_FILE,
  email: process.env.EMAIL,
  password: process.env.PASSWORD,
  token: process.env.SALLYPORT_API_TOKEN,
  tmp: process.env.T || '/tmp',
};

export function assert(ok, what) {
  if (!ok) throw new Error(what);
}
export function equal(got, want, what) {
  if (got !== want) throw new Error(`${what}: found ${JSON.stringify(got)}, expected ${JSON.stringify(want)}`);
}

/* The leaf that the edge shows for HOST, verified against its CA: chromium then takes exactly this key for it and no other. */
function leaf(host) {
  return new Promise((resolve, reject) => {
    const s = tls.connect({host: '127.0.0.1', port: edge.port, servername: host, ca: readFileSync(edge.ca)}, () => {
      const spki = new X509Certificate(s.getPeerCertificate().raw).publicKey.export({type: 'spki', format: 'der'});
      s.destroy();
      resolve(createHash('sha256').update(spki).digest('base64'));
    });
    s.on('error', e => reject(new Error(`TLS to ${host}: ${e.message}`)));
  });
}

/* hosts: names whose certificates must be good besides the team host's. */
export async function start({hosts = [], args = []} = {}) {
  const pins = await Promise.all([new URL(edge.team).hostname, ...hosts].map(leaf));
  const process_ = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
      '--host-resolver-rules=MAP *.localhost 127.0.0.1, MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1',
      `--ignore-certificate-errors-spki-list=${[...new Set(pins)].join(',')}`, ...args],
  });
  const faults = [];
  const b = {
    edge, faults, chromium: process_,
    /* dark, width, height, script (false: JavaScript off), touch, reduced (motion), allow: [RegExp of origins that may be asked besides],
       quiet: RegExp of console errors that the test means to cause, permissions: [...] */
    async context({dark = false, width = 1280, height = 800, script = true, touch = false, reduced = false, allow = [], quiet,
      permissions = [], ...more} = {}) {
      const c = await process_.newContext({viewport: {width, height}, colorScheme: dark ? 'dark' : 'light', javaScriptEnabled: script,
        hasTouch: touch, reducedMotion: reduced ? 'reduce' : 'no-preference', permissions, locale: 'en-GB', ...more});
      c.setDefaultTimeout(15000);
      c.on('page', p => watch(p, faults, allow, quiet));
      return Object.assign(c, {page: () => c.newPage()});
    },
    async end() {
      await process_.close();
      if (faults.length) throw new Error(`the pages misbehaved:\n  ${faults.join('\n  ')}`);
    },
  };
  return b;
}

function watch(p, faults, allow, quiet) {
  const refused = new Set(); // documents whose status is an error: the browser says so on the console, and that is no fault
  const note = what => {
    if (!quiet || !quiet.test(what)) faults.push(what);
  };
  const ours = o => /^https:\/\/[^/]*\.(localhost|test):\d+$/.test(o) && o.endsWith(`:${edge.port}`);
  p.on('request', r => {
    const u = new URL(r.url());
    if (['data:', 'blob:', 'about:'].includes(u.protocol)) return;
    const origin = u.origin.replace(/^wss:/, 'https:');
    if (allow.some(a => a.test(origin))) return;
    if (r.isNavigationRequest() ? !ours(origin) : origin !== new URL(r.frame().url()).origin)
      note(`${r.frame().url()} asked another origin: ${r.method()} ${r.url()}`);
  });
  p.on('websocket', w => {
    const origin = new URL(w.url()).origin.replace(/^wss:/, 'https:');
    if (origin !== new URL(p.url()).origin && !allow.some(a => a.test(origin))) note(`${p.url()} opened a WebSocket to ${w.url()}`);
  });
  p.on('response', r => {
    if (r.status() >= 400 && r.request().isNavigationRequest()) refused.add(r.url());
  });
  p.on('console', m => {
    if (m.type() !== 'error') return;
    if (refused.has(m.location().url) && /^Failed to load resource/.test(m.text())) return;
    note(`${p.url()} console: ${m.text()} (${m.location().url})`);
  });
  p.on('pageerror', e => note(`${p.url()} threw: ${e.message}`));
}

/* Fills the sign-in form that is open and sends it; comes back when the next page is there. */
export async function signIn(p, email = edge.email, password = edge.password, code = '') {
  await p.fill('input[name=email]', email);
  await p.fill('input[name=password]', password);
  if (code) await p.fill('input[name=code]', code);
  await Promise.all([p.waitForNavigation({waitUntil: 'load'}), p.click('button[type=submit]')]);
}

export async function axe(p, name = p.url()) {
  if (await p.evaluate('typeof window.axe') === 'undefined') await p.evaluate(axeSource);
  const r = await p.evaluate(() => window.axe.run(document, {resultTypes: ['violations']}));
  const bad = r.violations.filter(v => v.impact === 'serious' || v.impact === 'critical');
  if (bad.length)
    throw new Error(`accessibility of ${name}:\n` + bad.map(v => `  ${v.id} (${v.impact}): ${v.help}\n` +
      v.nodes.slice(0, 5).map(n => `    ${n.target.join(' ')}: ${n.failureSummary.replace(/\n\s*/g, ' ')}`).join('\n')).join('\n'));
  return r;
}

export async function screenshot(p, name, options = {}) {
  if (process.env.SCREENSHOTS !== '1') return;
  mkdirSync(shots, {recursive: true});
  await p.screenshot({path: join(shots, `${name}.png`), animations: 'disabled', ...options});
}

/* A page in every look: light, dark and 320 pixels wide; accessible and without scrolling sideways in each, without script, and with the
   headers that a page of a sign-in has. shot: names of screenshots ('x' makes x.png, x-dark.png, x-narrow.png as listed in looks). */
export async function looks(p, name, {shots: wanted = [], script = false, response} = {}) {
  if (!script) {
    const found = await p.evaluate(() => [...document.querySelectorAll('*')].filter(e => ['SCRIPT', 'STYLE', 'IFRAME', 'OBJECT', 'EMBED', 'BASE'].includes(e.tagName) ||
      [...e.attributes].some(a => a.name.startsWith('on') || a.name === 'style' || /^\s*javascript:/i.test(a.value))).map(e => e.outerHTML.slice(0, 200)));
    equal(found.join('\n'), '', `${name}: script or style in the page`);
  }
  const size = p.viewportSize();
  for (const [look, colorScheme, viewport] of [['', 'light', size], ['-dark', 'dark', size], ['-narrow', 'light', {width: 320, height: 640}]]) {
    await p.emulateMedia({colorScheme, reducedMotion: 'reduce'}); // colours do not glide
    await p.setViewportSize(viewport);
    await axe(p, name + look);
    const wide = await p.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
    assert(wide <= 0, `${name}${look} is ${wide} px too wide`);
    if (wanted.includes(look || '-light')) await screenshot(p, name + look, {fullPage: look === '-narrow'});
  }
  await p.emulateMedia({colorScheme: 'light'});
  await p.setViewportSize(size);
  if (response) pageHeaders(response, name);
}

export function pageHeaders(response, name) {
  const h = response.headers();
  const csp = h['content-security-policy'] || '';
  for (const want of ["default-src 'none'", "style-src 'self'", "img-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"])
    assert(csp.includes(want), `${name}: policy without ${want}: ${csp}`);
  assert(!csp.includes('script-src') && !csp.includes('unsafe'), `${name}: policy lets script in: ${csp}`);
  equal(h['cache-control'], 'no-store', `${name}: cache-control`);
  equal(h['referrer-policy'], 'same-origin', `${name}: referrer-policy`);
  equal(h['cross-origin-opener-policy'], 'same-origin', `${name}: cross-origin-opener-policy`);
  equal(h['x-content-type-options'], 'nosniff', `${name}: x-content-type-options`);
}

/* Does ACT and comes back with the document that it led to. */
export async function go(p, act) {
  const [r] = await Promise.all([p.waitForNavigation({waitUntil: 'load'}), act()]);
  return r;
}

/* Our client with these arguments, waiting for a browser: {url, done}; done gives {code, out, err} at its end. */
export function client(...args) {
  const c = spawn(process.env.SP, args, {env: {...process.env, SALLYPORT_HOME: mkdtempSync(join(edge.tmp, 'client-'))}});
  let out = '', err = '', told;
  const url = new Promise(resolve => { told = resolve; });
  c.stdout.on('data', d => { out += d; });
  c.stderr.on('data', d => {
    err += d;
    const m = /https:\/\/\S*\/cdn-cgi\/access\/\S+(?=\s)/.exec(err);
    if (m) told(m[0]);
  });
  const done = new Promise(resolve => c.on('close', code => { told(''); resolve({code, out, err}); }));
  return {url, done, kill: () => c.kill()};
}

/* A code of an authenticator (RFC 6238). step: 1 = the next one. */
export function totp(secret, step = 0) {
  const bits = [...secret].map(x => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(x).toString(2).padStart(5, '0')).join('');
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) + step));
  const h = createHmac('sha1', Buffer.from(bits.match(/.{8}/g).map(x => parseInt(x, 2)))).update(counter).digest();
  return String((h.readUInt32BE(h[19] & 15) & 0x7fffffff) % 1000000).padStart(6, '0');
}

/* The API, as the administrator's token may use it. "{a}" in path: the account. */
let account;
export async function api(method, path, body) {
  if (path.includes('{a}') && !account) account = (await call('GET', '/accounts')).json.result[0].id;
  return call(method, path.replace('{a}', account), body);
}
/* One request as it stands, no redirect followed: {status, text, json, headers}. */
export async function raw(method, url, {headers = {}, body} = {}) {
  const {request} = await import('node:https');
  const u = new URL(url);
  return new Promise((resolve, reject) => {
    const q = request({host: '127.0.0.1', port: edge.port, servername: u.hostname, path: u.pathname + u.search, method, ca: readFileSync(edge.ca),
      headers: {host: u.host, ...headers}}, r => {
      let text = '';
      r.setEncoding('utf8').on('data', d => { text += d; }).on('end', () => {
        let json = null;
        try { json = JSON.parse(text); } catch { /* some answers are text */ }
        resolve({status: r.statusCode, text, json, headers: r.headers});
      });
    });
    q.on('error', reject);
    q.end(body);
  });
}
function call(method, path, body) {
  return raw(method, `${edge.team}/client/v4${path}`, {headers: {authorization: `Bearer ${edge.token}`, 'content-type': 'application/json'},
    body: body === undefined ? undefined : JSON.stringify(body)});
}
