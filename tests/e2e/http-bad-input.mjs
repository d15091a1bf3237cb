// Raw HTTP against the edge's user port, one table row a case.
import { check, edge, raw, report, request, status } from './lib.mjs';

const app = process.env.APP_HOST, team = process.env.TEAM_HOST;
const at = `${app}:${edge.port}`;
const next = `GET /after HTTP/1.1\r\nHost: ${at}\r\n\r\n`;

// [what, host of TLS, bytes, expected status (number or list; 0 = closed without an answer)]; the connection must be closed afterwards
const heads = [
  ['CL and TE', `POST / HTTP/1.1\r\nHost: ${at}\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${next}`, [400]],
  ['TE and TE', `POST / HTTP/1.1\r\nHost: ${at}\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, [400]],
  ['TE with a tab', `POST / HTTP/1.1\r\nHost: ${at}\r\nTransfer-Encoding:\tchunked \r\nContent-Length: 3\r\n\r\nabc`, [400]],
  ['TE identity', `POST / HTTP/1.1\r\nHost: ${at}\r\nTransfer-Encoding: identity\r\n\r\n`, [400, 501]],
  ['TE xchunked', `POST / HTTP/1.1\r\nHost: ${at}\r\nTransfer-Encoding: xchunked\r\n\r\n`, [400, 501]],
  ['TE gzip, chunked', `POST / HTTP/1.1\r\nHost: ${at}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, [400, 501]],
  ['TE in HTTP/1.0', `POST / HTTP/1.0\r\nHost: ${at}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, [400, 505]],
  ['two Content-Lengths', `POST / HTTP/1.1\r\nHost: ${at}\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`, [400]],
  ['Content-Length list', `POST / HTTP/1.1\r\nHost: ${at}\r\nContent-Length: 3, 3\r\n\r\nabc`, [400]],
  ['Content-Length +3', `POST / HTTP/1.1\r\nHost: ${at}\r\nContent-Length: +3\r\n\r\nabc`, [400]],
  ['Content-Length -1', `POST / HTTP/1.1\r\nHost: ${at}\r\nContent-Length: -1\r\n\r\n`, [400]],
  ['Content-Length 0x3', `POST / HTTP/1.1\r\nHost: ${at}\r\nContent-Length: 0x3\r\n\r\nabc`, [400]],
  ['Content-Length 2^64+3', `POST / HTTP/1.1\r\nHost: ${at}\r\nContent-Length: 18446744073709551619\r\n\r\nabc`, [400, 413]],
  // judged by the head alone, and refused before the body is looked at: closed either way
  ['chunk size with sign', `POST / HTTP/1.1\r\nHost: ${at}\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n`, [400, 401]],
  ['chunk size overflow', `POST / HTTP/1.1\r\nHost: ${at}\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc`, [400, 401, 413]],
  ['chunk without CRLF', `POST / HTTP/1.1\r\nHost: ${at}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX0\r\n\r\n`, [400, 401]],
  ['bare LF', `GET / HTTP/1.1\nHost: ${at}\n\n`, [400]],
  ['LF inside the head', `GET / HTTP/1.1\r\nHost: ${at}\nX: y\r\n\r\n`, [400]],
  ['bare CR in a value', `GET / HTTP/1.1\r\nHost: ${at}\r\nX: a\rb\r\n\r\n`, [400]],
  ['NUL in a value', `GET / HTTP/1.1\r\nHost: ${at}\r\nX: a\0b\r\n\r\n`, [400]],
  ['space before the colon', `GET / HTTP/1.1\r\nHost: ${at}\r\nX : y\r\n\r\n`, [400]],
  ['folded header', `GET / HTTP/1.1\r\nHost: ${at}\r\nX: y\r\n z\r\n\r\n`, [400]],
  ['header without a name', `GET / HTTP/1.1\r\nHost: ${at}\r\n: y\r\n\r\n`, [400]],
  ['header without a colon', `GET / HTTP/1.1\r\nHost: ${at}\r\nnonsense\r\n\r\n`, [400]],
  ['no Host', `GET / HTTP/1.1\r\n\r\n`, [400]],
  ['two Hosts', `GET / HTTP/1.1\r\nHost: ${at}\r\nHost: ${at}\r\n\r\n`, [400]],
  ['Host with a path', `GET / HTTP/1.1\r\nHost: ${at}/x\r\n\r\n`, [400, 404]],
  ['Host with a user', `GET / HTTP/1.1\r\nHost: a@${at}\r\n\r\n`, [400, 404]],
  ['empty Host', `GET / HTTP/1.1\r\nHost:\r\n\r\n`, [400, 404]],
  ['absolute target of another host', `GET https://evil.localhost/ HTTP/1.1\r\nHost: ${at}\r\n\r\n`, [400, 404, 421]],
  ['CONNECT', `CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: ${at}\r\n\r\n`, [400, 404, 405, 501]],
  ['target without a slash', `GET foo HTTP/1.1\r\nHost: ${at}\r\n\r\n`, [400]],
  ['spaces in the target', `GET /a b HTTP/1.1\r\nHost: ${at}\r\n\r\n`, [400]],
  ['HTTP/0.9', `GET /\r\n\r\n`, [400, 505]],
  ['HTTP/2.0 in text', `GET / HTTP/2.0\r\nHost: ${at}\r\n\r\n`, [400, 505]],
  ['HTTP/1.2', `GET / HTTP/1.2\r\nHost: ${at}\r\n\r\n`, [302, 400, 505]],
  ['lower-case method', `get / HTTP/1.1\r\nHost: ${at}\r\n\r\n`, [400, 405, 501]],
  ['garbage', '\x16\x03\x01\x02\x00garbage\r\n\r\n', [400, 501]],
  ['HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [400, 505]],
  ['a head of 100 KB', `GET / HTTP/1.1\r\nHost: ${at}\r\nX: ${'y'.repeat(100000)}\r\n\r\n`, [431]],
  ['a target of 100 KB', `GET /${'y'.repeat(100000)} HTTP/1.1\r\nHost: ${at}\r\n\r\n`, [414, 431]],
  ['2000 headers', `GET / HTTP/1.1\r\nHost: ${at}\r\n${'a: b\r\n'.repeat(2000)}\r\n`, [431]],
  ['a body of 3 MB', `POST /cdn-cgi/access/cert_sign HTTP/1.1\r\nHost: ${team}:${edge.port}\r\nContent-Type: application/json\r\nContent-Length: 3000000\r\n\r\n{`, [413], team],
  ['a chunked body of 3 MB', `POST /cdn-cgi/access/cert_sign HTTP/1.1\r\nHost: ${team}:${edge.port}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${'10000\r\n' + 'z'.repeat(0x10000) + '\r\n'}`.concat(('10000\r\n' + 'z'.repeat(0x10000) + '\r\n').repeat(48)), [413], team],
];
for (const [what, bytes, want, host] of heads) {
  const r = await raw(host ?? app, bytes, { ms: 8000 });
  const first = status(r.text);
  check(want.includes(first), `${what}: status`, first || r.text.slice(0, 80));
  check(!r.text.includes('/after'), `${what}: the smuggled request was answered`);
  if (first >= 400 && first !== 404 && first !== 405) check(r.closed, `${what}: the connection stays open`);
  check((r.text.match(/HTTP\/1\.1 \d{3} /g) ?? []).length <= 1, `${what}: more than one answer`, r.text.slice(0, 400));
}

// Two good requests in one write are answered in order.
const two = await raw(app, `GET /one HTTP/1.1\r\nHost: ${at}\r\n\r\nGET /two HTTP/1.1\r\nHost: ${at}\r\nConnection: close\r\n\r\n`);
check(/redirect_url=%2Fone[\s\S]*redirect_url=%2Ftwo/.test(two.text), 'pipelined requests', two.text.slice(0, 300));

// Hosts.
const unknown = await request('nobody.localhost', '/').catch((e) => ({ status: 404, tls: e.code }));
check(unknown.status === 404, 'unknown host', unknown.status);
const cross = await raw(app, `GET / HTTP/1.1\r\nHost: nobody.localhost\r\nConnection: close\r\n\r\n`);
check(status(cross.text) === 404 && /SP-1003/.test(cross.text), 'unknown host after a known name in TLS', cross.text.slice(0, 200));
const bare = await raw(app, `GET / HTTP/1.1\r\nHost: routed.localhost:${edge.port}\r\nConnection: close\r\n\r\n`);
check([403, 404].includes(status(bare.text)), 'a tunnel without an application', status(bare.text));
const dotted = await raw(app, `GET / HTTP/1.1\r\nHost: ${app}.:${edge.port}\r\nConnection: close\r\n\r\n`);
check([302, 400, 404].includes(status(dotted.text)), 'host with a final dot', status(dotted.text));
const upper = await raw(app, `GET / HTTP/1.1\r\nHost: ${app.toUpperCase()}:${edge.port}\r\nConnection: close\r\n\r\n`);
check(status(upper.text) === 302, 'host in capitals', status(upper.text));

// An application without a policy lets nobody in, and says so without a login.
const none = await request('nopolicy.localhost', '/');
check(none.status === 403 && /SP-1201/.test(none.body), 'application without a policy', [none.status, none.body.slice(0, 100)]);
const ws = await request('nopolicy.localhost', '/', { headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' } });
check(ws.status === 403, 'WebSocket to an application without a policy', ws.status);

// Paths.
for (const p of ['/cdn-cgi/access/../../etc/passwd', '/cdn-cgi/access/%2e%2e/%2e%2e/', '/cdn-cgi/access/login/%00', '/client/v4/../x', '//cdn-cgi/access/certs', '/cdn-cgi/access/login/a%0d%0aSet-Cookie:x']) {
  const r = await request(team, p);
  check(r.status >= 400 && r.status < 500 && !r.headers['set-cookie'], `path ${p}`, r.status);
}
const method = await request(team, '/cdn-cgi/access/certs', { method: 'DELETE' });
check([404, 405].includes(method.status), 'DELETE of certs', method.status);
const json = await request(team, '/cdn-cgi/access/cert_sign', { method: 'POST', body: '{"public_key":', headers: { 'content-type': 'application/json' } });
check(json.status === 400, 'broken JSON', json.status);
const deep = await request(team, '/cdn-cgi/access/cert_sign', { method: 'POST', body: '['.repeat(100000), headers: { 'content-type': 'application/json' } });
check(deep.status === 400, 'JSON 100000 deep', deep.status);

// A redirect stays with us whatever it is asked.
for (const to of ['//evil.example/', 'https://evil.example/', '/\\evil.example', '/%5cevil.example', 'javascript:alert(1)', '/a\r\nSet-Cookie: x=y']) {
  const r = await request(team, `/cdn-cgi/access/login/${app}?redirect_url=${encodeURIComponent(to)}`);
  check(!/evil\.example\/?["'&]/.test((r.headers.location ?? '') + (r.body.match(/action="[^"]*"/)?.[0] ?? '').replace(/redirect_url=%2F[^&]*/, '')), `redirect to ${to}`, r.headers.location);
}

// Slow: half a head, then nothing; a byte now and then does not help. A connection that never speaks is closed too.
const slow = raw(app, 'GET / HTTP/1.1\r\nHost:', { ms: 25000 });
const silent = raw(app, [], { ms: 25000 });
const body = raw(team, `POST /cdn-cgi/access/cert_sign HTTP/1.1\r\nHost: ${team}:${edge.port}\r\nContent-Length: 100\r\n\r\n{`, { ms: 45000 });
const [a, b, c] = await Promise.all([slow, silent, body]);
check(a.closed && [0, 408].includes(status(a.text)), 'slow head closed by its deadline', [a.closed, a.ms, a.text.slice(0, 60)]);
check(b.closed, 'silent connection closed by the deadline', b.ms);
check(c.closed && [0, 408].includes(status(c.text)), 'slow body closed by its deadline', [c.closed, c.ms, c.text.slice(0, 60)]);
report();
