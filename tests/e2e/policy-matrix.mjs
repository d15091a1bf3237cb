// Every selector x place x decision x way in, for people, services, machines and nobody: what a live edge does beside what
// policy-reference.mjs says it must. The environment comes from policy-matrix.sh.
import { spawn, execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import { createRequire } from 'node:module';
import { check, claims, edge, report } from './lib.mjs';
import { verdict } from './policy-reference.mjs';

const nacl = createRequire(new URL('../oidc/package.json', import.meta.url))('tweetnacl');
const { TEAM_HOST: team, SP, WORK, PEOPLE, IDPS, ORIGIN_PORT } = process.env;
const idp = JSON.parse(IDPS), people = JSON.parse(PEOPLE), port = edge.port;
const extra = process.env.MATRIX ? JSON.parse(process.env.MATRIX) : {};

// --- who ---------------------------------------------------------------------------------------------------------------
const subjects = [...people, ...(extra.services ?? []), ...(extra.machines ?? []),
  { name: 'nobody', ip: '127.0.0.1' }, { name: 'nobody elsewhere', ip: '127.7.0.9' }]
  .map((s) => ({ ...s, country: extra.countries ? (s.ip.startsWith('127.7.') ? extra.countries[1] : extra.countries[0]) : undefined }));
for (const s of subjects) if (s.email) s.claims = { ...s.claims, groups: s.groups };

// --- what --------------------------------------------------------------------------------------------------------------
const [jane, joe] = people;
const world = {
  groups: {
    staff: { include: [{ email_domain: { domain: 'corp.test' } }] },
    'two networks': { include: [{ ip: { ip: '127.0.0.0/16' } }, { ip: { ip: '10.0.0.0/8' } }] },
    'strong staff': { include: [{ group: { id: 'staff' } }], require: [{ auth_method: { auth_method: 'mfa' } }] },
    'staff but joe': { include: [{ group: { id: 'staff' } }], exclude: [{ email: { email: joe.email } }] },
  },
  lists: extra.lists ?? {},
};
const rules = [
  { everyone: {} },
  { email: { email: jane.email } }, { email: { email: jane.email.toUpperCase() } }, { email: { email: 'other@corp.test' } },
  { email_domain: { domain: 'corp.test' } }, { email_domain: { domain: 'orp.test' } }, { email_domain: { domain: 'sub.corp.test' } },
  { ip: { ip: '127.0.0.0/16' } }, { ip: { ip: '127.7.0.9' } }, { ip: { ip: '192.0.2.0/24' } }, { ip: { ip: '0.0.0.0/0' } },
  { group: { id: 'staff' } }, { group: { id: 'two networks' } }, { group: { id: 'strong staff' } }, { group: { id: 'staff but joe' } },
  { login_method: { id: idp.corp } }, { login_method: { id: idp.people } },
  { auth_method: { auth_method: 'mfa' } }, { auth_method: { auth_method: 'hwk' } },
  { oidc: { claim_name: 'groups', claim_value: 'ops', identity_provider_id: idp.corp } },
  { oidc: { claim_name: 'groups', claim_value: 'op', identity_provider_id: idp.corp } },
  { okta: { name: 'dev', identity_provider_id: idp.corp } }, { okta: { name: 'ops', identity_provider_id: idp.people } },
  { gsuite: { email: 'team@corp.test', identity_provider_id: idp.corp } }, { azure_ad: { id: 'ops', identity_provider_id: idp.corp } },
  { github_organization: { name: 'acme', identity_provider_id: idp.corp } },
  { github_organization: { name: 'acme', team: 'admins', identity_provider_id: idp.corp } },
  ...(extra.rules ?? []),
];
const about_people = (r) => {
  const [n] = Object.keys(r);
  if (n === 'group') return JSON.stringify(world.groups[r.group.id]).match(/email|auth_method|staff/) !== null;
  return !['everyone', 'ip', 'ip_list', 'geo', 'service_token', 'any_valid_service_token', 'certificate', 'common_name', 'linked_app_token'].includes(n);
};

const apps = [], refused = [];
const app = (policies, what) => apps.push({ domain: `m${apps.length}.localhost`, what, policies });
const first = (decision, place, r) => ({ decision, include: place === 'include' ? [r] : [{ everyone: {} }], ...(place === 'include' ? {} : { [place]: [r] }) });
for (const r of rules)
  for (const decision of ['allow', 'deny', 'bypass', 'non_identity'])
    for (const place of ['include', 'require', 'exclude']) {
      const p = first(decision, place, r), what = `${decision} ${place} ${JSON.stringify(r)}`;
      if (about_people(r) && !['allow', 'deny'].includes(decision)) refused.push({ p, what });
      else if (decision === 'deny') app([p, { decision: 'allow', include: [{ everyone: {} }] }], what);
      else app([p], what);
    }
// combinations, the same ones in every run
let seed = 20261122;
const pick = (a) => { seed = (seed * 1103515245 + 12345) % 2147483648; return a[Math.floor((seed / 2147483648) * a.length)]; };
const impersonal = rules.filter((r) => !about_people(r));
for (let i = 0; i < 60; i += 1) {
  const n = pick([1, 2, 3, 4]), policies = [];
  for (let k = 0; k < n; k += 1) {
    const decision = pick(['allow', 'allow', 'deny', 'bypass', 'non_identity']);
    const from = ['allow', 'deny'].includes(decision) ? rules : impersonal;
    policies.push({ decision, include: [pick(from), pick(from)], require: pick([[], [pick(from)]]), exclude: pick([[], [pick(from)], [pick(from), pick(from)]]) });
  }
  app(policies, `combination ${i}: ${JSON.stringify(policies)}`);
}

// --- the edge's side ----------------------------------------------------------------------------------------------------
const named = (policies) => policies.map((p, i) => ({ name: `p${i}`, ...p }));
const referred = (x) => JSON.parse(JSON.stringify(x), (k, v) => (v?.group?.id && world.groups[v.group.id] ? { group: { name: v.group.id } } : v));
const authorities = () => Array.from({ length: Math.ceil(apps.length / 100) }, (_, i) => ({ name: `machines ${i}`,
  certificate: fs.readFileSync(extra.authority, 'utf8'), associated_hostnames: apps.slice(i * 100, i * 100 + 100).map((a) => a.domain) }));
function apply(policies_of) {
  const file = `${WORK}/matrix.yml`;
  fs.writeFileSync(file, JSON.stringify({
    tunnels: [{ name: 'matrix' }],
    ...(extra.authority ? { certificates: authorities() } : {}),
    groups: Object.entries(world.groups).map(([name, g]) => ({ name, ...referred(g) })),
    apps: apps.map((a) => ({ name: a.domain, domain: a.domain, type: 'self_hosted', tunnel: 'matrix', service: `tcp://127.0.0.1:${ORIGIN_PORT}`,
      ...(extra.app ?? {}), policies: named(referred(policies_of(a))) })),
  }));
  execFileSync(SP, ['admin', 'apply', file], { stdio: ['ignore', 'ignore', 'inherit'] });
}

const agents = new Map();
const agent = (s) => {
  const key = `${s.ip} ${s.cert ?? ''}`;
  if (!agents.has(key)) agents.set(key, new https.Agent({ keepAlive: true, maxSockets: 8, ca: edge.ca, localAddress: s.ip, checkServerIdentity: () => undefined,
    ...(s.cert ? { cert: fs.readFileSync(s.cert), key: fs.readFileSync(s.key) } : {}) }));
  return agents.get(key);
};
function ask(s, host, path, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const r = https.request({ agent: agent(s), host: '127.0.0.1', port, servername: host, path, method, headers: { host: `${host}:${port}`, ...headers } }, (res) => {
      let text = '';
      res.on('data', (d) => { text += d; });
      res.on('end', () => resolve({ status: res.statusCode, headers: res.headers, body: text }));
    });
    r.on('upgrade', (res, socket) => { socket.destroy(); resolve({ status: 101, headers: res.headers, body: '' }); });
    r.on('error', reject);
    r.end(body);
  });
}
const both = (a, f) => { // a few at a time
  let i = 0;
  return Promise.all(Array.from({ length: 6 }, async () => { while (i < a.length) await f(a[i++]); }));
};

// As a client signs in: its key first, then the page on which the person confirms, then the box that only this client can open.
async function token(s, host) {
  const box = nacl.box.keyPair(), key = `${Buffer.from(box.publicKey).toString('base64url')}=`;
  const cnf = crypto.createHash('sha256').update(Buffer.from(s.pub.split(' ')[1], 'base64')).digest('base64url');
  const path = `/cdn-cgi/access/cli?app=${host}&token=${key}&cnf=${cnf}&redirect_url=%2F&send_org_token=true&edge_token_transfer=true`;
  let cookie = `CF_Authorization=${s.org}`;
  const page = await ask(s, team, path, { headers: { cookie } });
  const csrf = /name="csrf" value="([^"]+)"/.exec(page.body)?.[1];
  if (!csrf) throw new Error(`${s.name} at ${host}: ${page.status} ${page.body.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' ')}`);
  for (const c of page.headers['set-cookie'] ?? []) cookie += `; ${/^[^;]*/.exec(c)[0]}`;
  const done = await ask(s, team, path, { method: 'POST', headers: { cookie, 'content-type': 'application/x-www-form-urlencoded' }, body: `csrf=${encodeURIComponent(csrf)}` });
  if (done.status !== 200) throw new Error(`${s.name} at ${host}: confirmed, ${done.status}`);
  const got = await ask(s, team, `/cdn-cgi/access/transfer/${key}`);
  const bytes = Buffer.from(got.body, 'base64'), peer = Buffer.from(got.headers['service-public-key'], 'base64url');
  const text = nacl.box.open(bytes.subarray(24), bytes.subarray(0, 24), peer, box.secretKey);
  return JSON.parse(Buffer.from(text)).app_token;
}

// --- the ways in --------------------------------------------------------------------------------------------------------
const ws = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' };
const service = (s) => (s.service ? { 'cf-access-client-id': s.client_id, 'cf-access-client-secret': s.secret } : {});
const seen = (r) => {
  if (r.status === 302 && /\/cdn-cgi\/access\/login/.test(r.headers.location)) return 'login';
  if (r.status === 101 || r.status === 200) return 'pass';
  if (r.status === 403) return 'deny';
  return `${r.status} ${r.body.slice(0, 80)}`;
};
const ways = {
  page: async (s, a) => seen(await ask(s, a.domain, '/', { headers: { ...service(s), ...(s.email ? { cookie: `CF_Authorization=${s.tokens[a.domain]}` } : {}) } })),
  header: async (s, a) => (s.service ? seen(await ask(s, a.domain, '/', { headers: { 'x-service':
    JSON.stringify({ 'cf-access-client-id': s.client_id, 'cf-access-client-secret': s.secret }) } })) : s.email ? seen(await ask(s, a.domain, '/', { headers: { 'cf-access-token': s.tokens[a.domain] } })) : undefined),
  websocket: async (s, a) => seen(await ask(s, a.domain, '/', { headers: { ...ws, ...service(s),
    ...(s.email ? { origin: `https://${a.domain}:${port}`, cookie: `CF_Authorization=${s.tokens[a.domain]}` } : {}) } })),
  certificate: async (s, a) => {
    if (!s.email) return undefined;
    const r = await ask(s, team, '/cdn-cgi/access/cert_sign', { method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ public_key: s.pub, jwt: s.tokens[a.domain], issuer: `https://${team}:${port}` }) });
    if (r.status === 403 && !/SP-12/.test(r.body)) return `403 ${r.body}`;
    return seen(r);
  },
  // the client as ssh runs it; it comes from loopback's first address
  proxycommand: (s, a) => (s.client && s.ip === '127.0.0.1' ? new Promise((resolve) => {
    const p = spawn(SP, ['access', 'ssh', '--hostname', `${a.domain}:${port}`,
      ...(s.service ? ['--service-token-id', s.client_id, '--service-token-secret', s.secret] : [])], { env: { ...process.env, ...s.env, SALLYPORT_NO_LOGIN: '1' } });
    let out = '', err = '';
    p.stdout.on('data', (d) => { out += d; if (out.startsWith('origin')) p.kill(); });
    p.stderr.on('data', (d) => { err += d; });
    p.on('close', () => resolve(out.startsWith('origin') ? 'pass' : /SP-120[123]/.test(err) ? 'deny' : /SP-1110/.test(err) ? 'login' : err));
  }) : undefined),
};

// A home folder as `access login` leaves it, so that the client need not sign in three hundred times.
function home(s) {
  const dir = `${WORK}/home.${s.name.replace(/\W/g, '')}`;
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  for (const a of apps) {
    const t = s.tokens?.[a.domain];
    if (!t) continue;
    const [aud] = claims(t).aud;
    fs.writeFileSync(`${dir}/${a.domain}-${aud}-token`, t, { mode: 0o600 });
    fs.writeFileSync(`${dir}/${a.domain}.app`, JSON.stringify({ aud, team: `${team}:${port}`, issuer: `https://${team}:${port}` }), { mode: 0o600 });
  }
  s.env = { SALLYPORT_HOME: dir };
}

// --- the run ------------------------------------------------------------------------------------------------------------
const open = (a) => [{ decision: 'allow', include: [{ everyone: {} }] }];
apply(open);
for (const s of subjects.filter((x) => x.email)) {
  s.tokens = {};
  await both(apps, async (a) => { s.tokens[a.domain] = await token(s, a.domain); });
}
for (const s of subjects.filter((x) => x.client)) home(s);
await both(apps, async (a) => execFileSync(SP, ['admin', 'ca', a.domain], { stdio: 'ignore' }));
apply((a) => a.policies);

let cells = 0;
const count = { pass: 0, deny: 0, login: 0 };
for (const s of subjects)
  for (const [way, go] of Object.entries(ways))
    await both(apps, async (a) => {
      const found = await go(s, a);
      if (found === undefined) return;
      const want = verdict(a, way === 'certificate' ? { ...s, elsewhere: true } : s, world);
      cells += 1;
      count[want] += 1;
      check(found === want, `${a.what}\n      ${s.name} by ${way}: expected ${want}`, found);
    });
// what asks about a person cannot stand where nobody signs in
for (const { p, what } of refused) {
  const r = await ask({ ip: '127.0.0.1' }, team, `/client/v4/accounts/${process.env.ACCOUNT}/access/apps/${process.env.APP_ID}/policies`, { method: 'POST',
    headers: { authorization: `Bearer ${process.env.SALLYPORT_API_TOKEN}`, 'content-type': 'application/json' }, body: JSON.stringify({ name: 'x', ...referredIds(p) }) });
  cells += 1;
  check(r.status === 400, `${what} is refused`, `${r.status} ${r.body}`);
}
function referredIds(p) { return JSON.parse(JSON.stringify(p), (k, v) => (v?.group?.id ? { group: { name: v.group.id } } : v)); }
console.log(`${cells} cells: ${count.pass} pass, ${count.deny} deny, ${count.login} sign in, ${refused.length} refused policies`);
check(cells >= 5000, 'at least 5,000 cells', cells);
report();
