// An OpenID provider that lies in one way at a time: GET /test/LIE chooses how. `list` prints the lies, `provider` serves.
import crypto from 'node:crypto';
import http from 'node:http';
import { b64u } from './lib.mjs';

const { privateKey, publicKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const other = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'k1', alg: 'RS256', use: 'sig' };
const now = () => Math.floor(Date.now() / 1000);

const sign = (head, claims, key = privateKey) => {
  const text = `${b64u(JSON.stringify(head))}.${b64u(JSON.stringify(claims))}`;
  return `${text}.${crypto.sign('sha256', Buffer.from(text), key).toString('base64url')}`;
};
const hmac = (head, claims, secret) => {
  const text = `${b64u(JSON.stringify(head))}.${b64u(JSON.stringify(claims))}`;
  return `${text}.${crypto.createHmac('sha256', secret).update(text).digest('base64url')}`;
};
const head = { alg: 'RS256', kid: 'k1', typ: 'JWT' };
const pem = publicKey.export({ type: 'spki', format: 'pem' });
// Each lie: what it changes. claims(c), token(c) (whole JWT), answer(res) of the token endpoint, redirect(url).
const lies = {
  honest: {},
  'honest-aud-list': { claims: (c) => ({ ...c, aud: ['sp'] }) },
  'iss-other': { claims: (c) => ({ ...c, iss: 'https://evil.example' }) },
  'iss-slash': { claims: (c) => ({ ...c, iss: `${c.iss}/` }) },
  'iss-missing': { claims: ({ iss, ...c }) => c },
  'aud-other': { claims: (c) => ({ ...c, aud: 'another-client' }) },
  'aud-missing': { claims: ({ aud, ...c }) => c },
  'azp-other': { claims: (c) => ({ ...c, aud: ['sp', 'x'], azp: 'x' }) },
  'nonce-other': { claims: (c) => ({ ...c, nonce: 'AAAA' }) },
  'nonce-missing': { claims: ({ nonce, ...c }) => c },
  'exp-past': { claims: (c) => ({ ...c, iat: now() - 7200, exp: now() - 3600 }) },
  'exp-missing': { claims: ({ exp, ...c }) => c },
  'exp-text': { claims: (c) => ({ ...c, exp: '9999999999' }) },
  'iat-future': { claims: (c) => ({ ...c, iat: now() + 7200, exp: now() + 10800 }) },
  'nbf-future': { claims: (c) => ({ ...c, nbf: now() + 7200, exp: now() + 10800 }) },
  'sub-missing': { claims: ({ sub, ...c }) => c },
  'sub-number': { claims: (c) => ({ ...c, sub: 7 }) },
  'email-missing': { claims: ({ email, ...c }) => c, userinfo: {} },
  'email-unverified': { claims: (c) => ({ ...c, email_verified: false }) },
  'email-unverified-text': { claims: (c) => ({ ...c, email_verified: 'false' }) },
  'email-two-ats': { claims: (c) => ({ ...c, email: 'a@b@corp.test' }) },
  'email-newline': { claims: (c) => ({ ...c, email: 'jdoe@corp.test\nroot' }) },
  'alg-none': { token: (c) => `${b64u('{"alg":"none"}')}.${b64u(JSON.stringify(c))}.` },
  'alg-none-case': { token: (c) => `${b64u('{"alg":"nOnE","kid":"k1"}')}.${b64u(JSON.stringify(c))}.` },
  'hs256-pem': { token: (c) => hmac({ alg: 'HS256', kid: 'k1' }, c, pem) },
  'hs256-modulus': { token: (c) => hmac({ alg: 'HS256', kid: 'k1' }, c, Buffer.from(jwk.n, 'base64url')) },
  'hs256-secret': { token: (c) => hmac({ alg: 'HS256', kid: 'k1' }, c, 's3cret') },
  'other-key': { token: (c) => sign(head, c, other) },
  'kid-unknown': { token: (c) => sign({ ...head, kid: 'nope' }, c, other) },
  'key-inside': { token: (c) => sign({ ...head, kid: 'in', jwk: { ...crypto.createPublicKey(other).export({ format: 'jwk' }) } }, c, other) },
  'crit': { token: (c) => sign({ ...head, crit: ['b64'], b64: false }, c) },
  'sig-cut': { token: (c) => sign(head, c).slice(0, -8) },
  'sig-missing': { token: (c) => sign(head, c).replace(/[^.]*$/, '') },
  'payload-changed': { token: (c) => { const p = sign(head, c).split('.'); p[1] = b64u(JSON.stringify({ ...c, email: 'boss@corp.test' })); return p.join('.'); } },
  'twice-email': { token: (c) => { const t = `${b64u(JSON.stringify(head))}.${b64u(`${JSON.stringify(c).slice(0, -1)},"email":"boss@corp.test"}`)}`; return `${t}.${crypto.sign('sha256', Buffer.from(t), privateKey).toString('base64url')}`; } },
  'four-parts': { token: (c) => `${sign(head, c)}.x` },
  'no-token': { answer: (res) => res.end('{"token_type":"Bearer"}') },
  'token-500': { answer: (res) => res.writeHead(500).end('oops') },
  'token-html': { answer: (res) => res.end('<html>hello</html>') },
  'token-huge': { answer: (res) => res.end(`{"id_token":"${'x'.repeat(8 << 20)}"}`) },
  'token-redirect': { answer: (res, port) => res.writeHead(307, { location: `http://localhost:${port}/other` }).end() },
  'token-cut': { answer: (res) => { res.writeHead(200, { 'content-length': 5000 }); res.write('{"id_token":"'); setImmediate(() => res.destroy()); } },
  'iss-parameter': { redirect: (u) => u.searchParams.set('iss', 'https://evil.example') },
  'state-missing': { redirect: (u) => u.searchParams.delete('state') },
  'state-other': { redirect: (u) => u.searchParams.set('state', 'f'.repeat(32)) },
  'code-missing': { redirect: (u) => u.searchParams.delete('code') },
  'error': { redirect: (u) => { u.searchParams.delete('code'); u.searchParams.set('error', 'access_denied'); } },
};

function provider() {
  let lie = lies.honest, nonce, issuer, port;
  const token = () => {
    let c = { iss: issuer, sub: 'u1', aud: 'sp', nonce, iat: now(), exp: now() + 300, email: 'jdoe@corp.test', email_verified: true };
    if (lie.claims) c = lie.claims(c);
    return lie.token ? lie.token(c) : sign(head, c);
  };
  const json = (res, x) => res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(x));
  const server = http.createServer((req, res) => {
    const u = new URL(req.url, issuer);
    if (u.pathname.startsWith('/test/')) {
      lie = lies[u.pathname.slice(6)];
      return res.end();
    }
    if (u.pathname === '/.well-known/openid-configuration') {
      return json(res, { issuer, authorization_endpoint: `${issuer}/auth`, token_endpoint: `${issuer}/token`, jwks_uri: `${issuer}/jwks`,
        userinfo_endpoint: `${issuer}/me`, response_types_supported: ['code'], subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: ['RS256', 'HS256', 'none'] });
    }
    if (u.pathname === '/jwks') return json(res, { keys: [jwk] });
    if (u.pathname === '/me') return json(res, { sub: 'u1', ...(lie.userinfo ?? { email: 'jdoe@corp.test', email_verified: true }) });
    if (u.pathname === '/auth') {
      nonce = u.searchParams.get('nonce');
      const back = new URL(u.searchParams.get('redirect_uri'));
      back.searchParams.set('code', 'c0de');
      back.searchParams.set('state', u.searchParams.get('state'));
      lie.redirect?.(back);
      return res.writeHead(302, { location: back.href }).end();
    }
    if (u.pathname === '/token') {
      if (lie.answer) return lie.answer(res, port);
      return json(res, { access_token: 'at', token_type: 'Bearer', expires_in: 300, id_token: token() });
    }
    if (u.pathname === '/other') return json(res, { access_token: 'at', token_type: 'Bearer', id_token: token() });
    return res.writeHead(404).end();
  });
  server.listen(0, '127.0.0.1', () => {
    port = server.address().port;
    issuer = `http://localhost:${port}`;
    console.log(`ready ${port}`);
  });
}
if (process.argv[2] === 'list') console.log(Object.keys(lies).join('\n'));
else provider();
