// An outside judge for external_evaluation rules: POST / answers as GET /test/VARIANT chose, GET /keys has its keys, GET /test/seen the last
// question. It verifies each question with the edge's own keys (GET /test/jwks?URL-encoded JSON once). Prints "ready PORT".
import crypto from 'node:crypto';
import http from 'node:http';
import { b64u } from './lib.mjs';

const rsa = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 }), other = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' });
const keys = [
  { ...rsa.publicKey.export({ format: 'jwk' }), kid: 'r1', alg: 'RS256', use: 'sig' },
  { ...ec.publicKey.export({ format: 'jwk' }), kid: 'e1', alg: 'ES256', use: 'sig' },
];
const now = () => Math.floor(Date.now() / 1000);
const text = (head, claims) => `${b64u(JSON.stringify(head))}.${b64u(JSON.stringify(claims))}`;
const rs = (claims, key = rsa.privateKey, head = { alg: 'RS256', kid: 'r1', typ: 'JWT' }) => {
  const t = text(head, claims);
  return `${t}.${crypto.sign('sha256', Buffer.from(t), key).toString('base64url')}`;
};
let variant = 'yes', seen = {}, jwks, last = '', port;
const variants = {
  yes: (c) => rs(c),
  no: (c) => rs({ ...c, success: false }),
  'wrong-nonce': (c) => rs({ ...c, nonce: 'f'.repeat(32) }),
  'no-nonce': ({ nonce, ...c }) => rs(c),
  expired: (c) => rs({ ...c, exp: now() - 120 }),
  'no-exp': ({ exp, ...c }) => rs(c),
  eternal: (c) => rs({ ...c, exp: now() + 86400 * 365 }),
  'no-success': ({ success, ...c }) => rs(c),
  'success-text': (c) => rs({ ...c, success: 'true' }),
  'success-one': (c) => rs({ ...c, success: 1 }),
  'alg-none': (c) => `${text({ alg: 'none' }, c)}.`,
  'hs256-key': (c) => { const t = text({ alg: 'HS256', kid: 'r1' }, c); return `${t}.${crypto.createHmac('sha256', rsa.publicKey.export({ type: 'spki', format: 'pem' })).update(t).digest('base64url')}`; },
  'other-key': (c) => rs(c, other.privateKey),
  'ec-key': (c) => { const t = text({ alg: 'ES256', kid: 'e1' }, c); return `${t}.${crypto.sign('sha256', Buffer.from(t), { key: ec.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`; },
  replay: () => last,
};
const server = http.createServer((req, res) => {
  const u = new URL(req.url, 'http://x');
  if (u.pathname === '/test/seen') return res.end(JSON.stringify(seen));
  if (u.pathname === '/test/jwks') { jwks = JSON.parse(u.searchParams.get('q')); return res.end(); }
  if (u.pathname.startsWith('/test/')) { variant = u.pathname.slice(6); seen = {}; return res.end(); }
  if (u.pathname === '/keys') return variant === 'keys-500' ? res.writeHead(500).end() : res.end(JSON.stringify({ keys }));
  if (u.pathname !== '/') { seen.elsewhere = true; return res.end(JSON.stringify({ token: last })); }
  let body = '';
  req.on('data', (d) => { body += d; });
  req.on('end', () => {
    const [h, p, s] = JSON.parse(body).token.split('.'), head = JSON.parse(Buffer.from(h, 'base64url')), q = JSON.parse(Buffer.from(p, 'base64url'));
    const key = crypto.createPublicKey({ key: jwks.keys.find((k) => k.kid === head.kid), format: 'jwk' });
    seen = { ...q, verified: head.alg === 'RS256' && crypto.verify('sha256', Buffer.from(`${h}.${p}`), key, Buffer.from(s, 'base64url')), type: req.headers['content-type'] };
    if (variant === 'redirect') return res.writeHead(307, { location: `http://localhost:${port}/elsewhere` }).end();
    if (variant === 'slow') return undefined;
    if (variant === 'huge') return res.end(`{"token":"${'x'.repeat(4 << 20)}"}`);
    if (variant === 'html') return res.end('<html>yes</html>');
    if (variant === 'status-500') return res.writeHead(500).end(JSON.stringify({ token: rs({ nonce: q.nonce, success: true, exp: now() + 60 }) }));
    const token = (variants[variant] ?? variants.yes)({ nonce: q.nonce, success: true, iat: now(), exp: now() + 60 });
    if (variant === 'yes') last = token;
    return res.end(JSON.stringify({ token }));
  });
  return undefined;
});
if (process.argv[2] === 'list') console.log([...Object.keys(variants), 'redirect', 'slow', 'huge', 'html', 'status-500', 'keys-500'].join('\n'));
else server.listen(0, '127.0.0.1', () => { port = server.address().port; console.log(`ready ${port}`); });
