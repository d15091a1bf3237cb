// Tokens that are not what they say, at every door that takes one.
import crypto from 'node:crypto';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { b64u, check, claims, edge, header, report, request } from './lib.mjs';

const { TOKEN, OTHER, ORG, KEY, APP_HOST: app, TEAM_HOST: team, WORK, ADMIN_TOKEN, ACCOUNT } = process.env;
const c = claims(TOKEN), h = header(TOKEN);
const [h64, c64, s64] = TOKEN.split('.');
const jwks = JSON.parse((await request(team, '/cdn-cgi/access/certs')).body);
const jwk = jwks.keys.find((k) => k.kid === h.kid);
check(jwk, 'kid of the token is in certs');
check(Array.isArray(c.aud) && Number.isInteger(c.exp) && Number.isInteger(c.iat) && c.iss === `https://${team}:${edge.port}` && h.alg === 'RS256', 'form of the token', c);
const pub = crypto.createPublicKey({ key: jwk, format: 'jwk' });
check(crypto.verify('sha256', Buffer.from(`${h64}.${c64}`), pub, Buffer.from(s64, 'base64url')), 'the token verifies with the published key');

const mine = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const make = (head, body, sign) => { const t = `${b64u(JSON.stringify(head))}.${b64u(JSON.stringify(body))}`; return `${t}.${sign(Buffer.from(t))}`; };
const rs = (key) => (t) => crypto.sign('sha256', t, key).toString('base64url');
const hs = (secret) => (t) => crypto.createHmac('sha256', secret).update(t).digest('base64url');
const none = () => '';
const pem = pub.export({ type: 'spki', format: 'pem' });
const der = pub.export({ type: 'spki', format: 'der' });
const flip = (s, i) => s.slice(0, i) + (s[i] === 'A' ? 'B' : 'A') + s.slice(i + 1);

const forged = {
  'alg none': make({ ...h, alg: 'none' }, c, none),
  'alg NONE': make({ ...h, alg: 'NONE' }, c, none),
  'alg none with the old signature': make({ ...h, alg: 'none' }, c, () => s64),
  'alg missing': make({ kid: h.kid, typ: 'JWT' }, c, () => s64),
  'alg list': make({ ...h, alg: ['RS256'] }, c, () => s64),
  'HS256 with the PEM': make({ ...h, alg: 'HS256' }, c, hs(pem)),
  'HS256 with the DER': make({ ...h, alg: 'HS256' }, c, hs(der)),
  'HS256 with the modulus': make({ ...h, alg: 'HS256' }, c, hs(Buffer.from(jwk.n, 'base64url'))),
  'HS256 with nothing': make({ ...h, alg: 'HS256' }, c, hs('')),
  'HS256 without kid': make({ alg: 'HS256' }, c, hs(pem)),
  'RS256 of another key': make(h, c, rs(mine.privateKey)),
  'RS256 of another key, unknown kid': make({ ...h, kid: 'f'.repeat(64) }, c, rs(mine.privateKey)),
  'kid missing': make({ alg: 'RS256', typ: 'JWT' }, c, rs(mine.privateKey)),
  'kid a path': make({ ...h, kid: '../../../../dev/null' }, c, hs('')),
  'kid SQL': make({ ...h, kid: "' UNION SELECT 'a" }, c, hs('a')),
  'kid NUL': make({ ...h, kid: `${h.kid}\u0000x` }, c, rs(mine.privateKey)),
  'kid number': make({ ...h, kid: 1 }, c, rs(mine.privateKey)),
  'jwk in the head': make({ ...h, jwk: mine.publicKey.export({ format: 'jwk' }) }, c, rs(mine.privateKey)),
  'jku in the head': make({ ...h, jku: 'http://127.0.0.1:1/jwks', kid: 'x' }, c, rs(mine.privateKey)),
  'x5c in the head': make({ ...h, x5c: [der.toString('base64')] }, c, rs(mine.privateKey)),
  'crit': make({ ...h, crit: ['exp'] }, c, rs(mine.privateKey)),
  'other mail, old signature': `${h64}.${b64u(JSON.stringify({ ...c, email: 'boss@example.test' }))}.${s64}`,
  'later expiry, old signature': `${h64}.${b64u(JSON.stringify({ ...c, exp: c.exp + 1e6 }))}.${s64}`,
  'first byte of the signature': `${h64}.${c64}.${flip(s64, 0)}`,
  'one byte of the claims': `${h64}.${flip(c64, 20)}.${s64}`,
  'one byte of the head': `${flip(h64, 12)}.${c64}.${s64}`,
  'signature cut': `${h64}.${c64}.${s64.slice(0, -2)}`,
  'signature gone': `${h64}.${c64}.`,
  'two parts': `${h64}.${c64}`,
  'four parts': `${TOKEN}.x`,
  'five parts': `${h64}.e.e.${c64}.${s64}`,
  'padded': `${h64}=.${c64}.${s64}`,
  'spaces': `${h64}. ${c64}.${s64}`,
  'empty': ' ',
  '20 KB': 'a.b.' + 'c'.repeat(20000),
  'JSON form': JSON.stringify({ payload: c64, signatures: [{ protected: h64, signature: s64 }] }),
  "another application's": OTHER,
  'an org token': ORG,
  'an API token': ADMIN_TOKEN.trim(),
};
const ws = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' };
const shut = (r) => [302, 400, 401, 403, 431].includes(r.status) && !(r.headers['set-cookie'] ?? []).some((x) => /^CF_Authorization=[^;]/.test(x));
for (const [what, token] of Object.entries(forged)) {
  const doors = {
    header: { 'cf-access-token': token },
    cookie: { cookie: `CF_Authorization=${token.replace(/[;,"]/g, '')}` },
    websocket: { ...ws, 'cf-access-token': token },
    assertion: { 'cf-access-jwt-assertion': token },
  };
  if (/\s/.test(token)) delete doors.cookie; // a cookie cannot carry them
  for (const [door, headers] of Object.entries(doors)) {
    const r = await request(app, '/', { headers }).catch((e) => ({ status: 400, headers: {}, e }));
    check(shut(r), `${what}, by ${door}`, r.status);
    r.socket?.destroy();
  }
  const s = await request(team, '/cdn-cgi/access/cert_sign', { method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ public_key: KEY, jwt: token, issuer: c.iss }) });
  const m = (() => { try { return JSON.parse(s.body); } catch { return {}; } })();
  if (what !== "another application's") check(s.status >= 400 && s.status < 500 && !m.certificate && /^SP-\d{4}/.test(m.message ?? ''), `${what}, at cert_sign`, [s.status, s.body.slice(0, 100)]);
  else check(!m.certificate, `${what}, at cert_sign with our key`, s.body.slice(0, 80));
  if (what !== 'an API token') {
    const a = await request(team, `/client/v4/accounts/${ACCOUNT}/access/apps`, { headers: { authorization: `Bearer ${token.trim()}` } });
    check([400, 401, 403, 431].includes(a.status), `${what}, at the API`, a.status);
  }
}
// What the edge tells connectors is not believed from anybody.
const believed = await request(app, '/', { headers: { 'cf-access-jwt-assertion': TOKEN } });
check(believed.status === 302, 'an assertion from outside', believed.status);
// Two tokens are none.
const twice = await request(app, '/', { headers: { 'cf-access-token': [TOKEN, TOKEN] } });
check([302, 400, 403].includes(twice.status), 'two tokens', twice.status);
// A WebSocket by cookie from another origin.
const foreign = await request(app, '/', { headers: { ...ws, cookie: `CF_Authorization=${TOKEN}`, origin: 'https://evil.example' } });
check(foreign.status === 403, 'WebSocket of another origin', foreign.status);
foreign.socket?.destroy();

// cert_sign: the key of the token and no other; no key that is weak or broken.
const sign = (public_key, more) => request(team, '/cdn-cgi/access/cert_sign', { method: 'POST', headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ public_key, jwt: TOKEN, issuer: c.iss, ...more }) }).then((r) => ({ status: r.status, ...JSON.parse(r.body) }));
const keygen = (name, ...args) => {
  execFileSync('ssh-keygen', ['-q', '-N', '', '-f', `${WORK}/${name}`, ...args]);
  return fs.readFileSync(`${WORK}/${name}.pub`, 'utf8').trim();
};
const good = await sign(KEY);
check(good.status === 200 && /cert-v01/.test(good.certificate ?? ''), 'cert_sign with the right key', good);
for (const [what, key] of Object.entries({ 'another ed25519 key': keygen('k1', '-t', 'ed25519'), 'another ecdsa key': keygen('k2', '-t', 'ecdsa') })) {
  const r = await sign(key);
  check(r.status >= 400 && /SP-1303/.test(r.message), what, r);
}
const wire = (...parts) => Buffer.concat(parts.flatMap((p) => { const b = Buffer.from(p), n = Buffer.alloc(4); n.writeUInt32BE(b.length); return [n, b]; }));
const rsa1024 = (() => { // ssh-keygen makes none so small
  const k = crypto.generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
  return `ssh-rsa ${wire('ssh-rsa', Buffer.from(k.e, 'base64url'), Buffer.concat([Buffer.of(0), Buffer.from(k.n, 'base64url')])).toString('base64')}`;
})();
const off = Buffer.concat([Buffer.of(4), crypto.randomBytes(64)]);
const weak = {
  'rsa of 1024 bits': rsa1024,
  'ecdsa not on its curve': `ecdsa-sha2-nistp256 ${wire('ecdsa-sha2-nistp256', 'nistp256', off).toString('base64')}`,
  'ecdsa at infinity': `ecdsa-sha2-nistp256 ${wire('ecdsa-sha2-nistp256', 'nistp256', Buffer.of(0)).toString('base64')}`,
  'ecdsa of another curve': `ecdsa-sha2-nistp256 ${wire('ecdsa-sha2-nistp256', 'nistp384', off).toString('base64')}`,
  'ed25519 of 31 bytes': `ssh-ed25519 ${wire('ssh-ed25519', Buffer.alloc(31, 1)).toString('base64')}`,
  'dss': `ssh-dss ${wire('ssh-dss', Buffer.alloc(128, 1), Buffer.alloc(20, 1), Buffer.alloc(128, 1), Buffer.alloc(128, 1)).toString('base64')}`,
  'type that differs from its blob': `ssh-rsa ${KEY.split(' ')[1]}`,
  'bytes after the key': `ssh-ed25519 ${Buffer.concat([Buffer.from(KEY.split(' ')[1], 'base64'), Buffer.of(0)]).toString('base64')}`,
  'a certificate': good.certificate ?? 'x',
  'two lines': `${KEY.trim()}\n${KEY.trim()}`,
  'options before the key': `command="x" ${KEY}`,
  'nothing': '',
  'a megabyte': `ssh-ed25519 ${'A'.repeat(900000)}`,
};
for (const [what, key] of Object.entries(weak)) {
  const r = await sign(key).catch((e) => ({ status: 500, message: String(e) }));
  check(r.status >= 400 && r.status < 500 && /SP-(1302|1303|1001|1002)/.test(r.message) && !r.certificate, what, r);
}
for (const principal of ['root', 'a,b', 'a\nb', '-x', '*', '']) {
  const r = await sign(KEY, { principal });
  check(principal === '' ? r.status === 200 : r.status >= 400 && !r.certificate, `asking for principal ${JSON.stringify(principal)}`, r);
}
report();
