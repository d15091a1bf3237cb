// The matrix of api-matrix.txt against a real edge. What a scope opens is said here once more, on purpose: src/identity/scope.c is what is tested.
import fs from 'node:fs';
import https from 'node:https';
import { check, edge, report } from './lib.mjs';

const { ACCOUNT, ZONE, TEAM_HOST, ADMIN_TOKEN, ORG, APP, DOCS } = process.env;
const rows = fs.readFileSync(process.argv[2], 'utf8').split('\n').filter((l) => l && !l.startsWith('#')).map((l) => {
  const [method, path, need] = l.split(/\s+/);
  return { method, path, need };
});
const agent = new https.Agent({ keepAlive: true, maxSockets: 4, ca: edge.ca, servername: TEAM_HOST });
const call = (method, path, token, body) => new Promise((resolve, reject) => {
  const headers = { host: `${TEAM_HOST}:${edge.port}` };
  if (token !== undefined) headers.authorization = `Bearer ${token}`;
  if (body !== undefined) headers['content-type'] = 'application/json';
  const r = https.request({ agent, host: '127.0.0.1', port: edge.port, method, path: `/client/v4${path}`, headers }, (res) => {
    let text = '';
    res.on('data', (d) => { text += d; });
    res.on('end', () => {
      let json = null;
      try { json = JSON.parse(text); } catch { /* not JSON: the checks say so */ }
      resolve({ status: res.statusCode, json, text });
    });
  });
  r.on('error', reject);
  r.end(body);
});
const fill = (path) => path.replace(':account', ACCOUNT).replace(':zone', ZONE).replace(/:(id|policy|connector|nonce)\b/g, '11111111-1111-4111-8111-111111111111')
  .replace(/:email\b/, 'nobody%40nowhere.test').replace(/:name\b/, 'nobody').replace(/:\w+/g, 'x');
const body = (method) => (method === 'GET' || method === 'DELETE' ? undefined : '{}');

// --- what a scope opens, and what a role has
const own = ['idp', 'principals', 'tokens'];
const parts = ['access', 'tunnels', 'idp', 'users', 'principals', 'audit', 'tokens'];
const words = ['read', 'write', ...parts.flatMap((p) => (p === 'audit' ? ['audit:read'] : [`${p}:read`, `${p}:write`]))];
function opens(scope, need) {
  if (need === 'any' || scope === need) return true;
  const [part, kind] = need.split(':');
  if (!kind) return false;
  if (kind === 'read') return scope === 'read' || scope === `${part}:write`;
  return scope === 'write' && !own.includes(part);
}
const roles = {
  admin: ['read', 'write', 'idp:write', 'principals:write', 'tokens:write'],
  auditor: ['read'],
  'read-only': parts.filter((p) => p !== 'audit').map((p) => `${p}:read`),
};

// --- the list of routes is the file's
const have = (await call('GET', `/accounts/${ACCOUNT}/sallyport/permissions`, ADMIN_TOKEN)).json.result;
const line = (x) => `${x.method} ${x.path}`;
const known = new Map(rows.map((x) => [line(x), x.need]));
check(known.size === rows.length, 'a row stands twice in the matrix');
for (const t of have) {
  const key = `${t.method} ${t.path.replace('/client/v4', '')}`;
  if (!known.has(key)) check(false, 'a route without a row in api-matrix.txt', `${key} ${t.scope}`);
  else check(known.get(key) === t.scope, `scope of ${key}`, `${t.scope}, the matrix says ${known.get(key)}`);
  known.delete(key);
}
check(known.size === 0, 'rows without a route', [...known.keys()]);
const docs = fs.readFileSync(DOCS, 'utf8');
for (const x of rows) check(docs.includes(`| ${x.method} | \`${x.path}\` | ${x.need} |`), `docs/api.md: ${line(x)}`);

// --- tokens
const make = async (name, scopes, more = {}) => {
  const a = await call('POST', '/user/tokens', ADMIN_TOKEN, JSON.stringify({ name, scopes, ...more }));
  check(a.status === 200 && a.json.result.value, `token ${name}`, a.text);
  return a.json.result;
};
const brief = await make('brief', ['read', 'write'], { expires_on: new Date(Date.now() + 2000).toISOString().replace(/\.\d+/, '') });
const asked = [];
for (const w of words) asked.push({ name: w, token: (await make(w, [w])).value, scopes: [w] });
for (const [name, scopes] of Object.entries(roles)) asked.push({ name: `role ${name}`, token: (await make(name, scopes)).value, scopes });
const gone = await make('gone', roles.admin);
check((await call('DELETE', `/user/tokens/${gone.id}`, ADMIN_TOKEN)).status === 200, 'revoke');
const bad = [{ name: 'none' }, { name: 'empty', token: '' }, { name: 'garbage', token: 'x.y.z' }, { name: 'broken signature', token: `${ADMIN_TOKEN.slice(0, -8)}AAAAAAAA` },
  { name: 'revoked', token: gone.value }, { name: 'org token of a person', token: ORG }, { name: 'app token of a person', token: APP }];

// --- the cells
let cells = 0;
async function refused(row, who) {
  const a = await call(row.method, fill(row.path), who.token, body(row.method));
  cells += 1;
  check(a.status === 401 && a.json?.success === false, `${line(row)} with ${who.name}`, a.text);
}
for (const row of rows)
  for (const who of bad) await refused(row, who);
for (const row of rows) {
  for (const who of asked) {
    const a = await call(row.method, fill(row.path), who.token, body(row.method));
    const may = who.scopes.some((s) => opens(s, row.need));
    cells += 1;
    if (may) check(a.status !== 401 && a.status !== 403 && a.status < 500 && a.json, `${line(row)} with ${who.name}`, a.text);
    else check(a.status === 403 && a.json?.errors?.[0]?.code === 1215, `${line(row)} without ${row.need}, with ${who.name}`, a.text);
  }
  if (row.path.includes(':account')) {
    const a = await call(row.method, fill(row.path.replace(':account', '0'.repeat(32))), ADMIN_TOKEN, body(row.method));
    check(a.status === 404, `${line(row)} of another account`, a.text);
  }
}
// The clocks of others may differ by as much as half a minute: then it is over.
for (const end = Date.now() + 45000; Date.now() < end;) {
  if ((await call('GET', '/user/tokens/verify', brief.value)).status === 401) break;
  await new Promise((r) => { setTimeout(r, 500); });
}
for (const row of rows) await refused(row, { name: 'an expired token', token: brief.value });
console.log(`${rows.length} routes, ${cells} cells`);
agent.destroy();
report();
