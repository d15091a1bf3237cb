// WebSockets to a real sshd, ended in every rude way; and rude connections to the tunnel port.
import crypto from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import { check, connect, edge, report, request } from './lib.mjs';

const app = process.env.APP_HOST, token = process.env.TOKEN;
const open = async () => {
  const key = crypto.randomBytes(16).toString('base64');
  const r = await request(app, '/', { headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': key, 'cf-access-token': token } });
  check(r.status === 101, 'upgrade', r.status);
  const want = crypto.createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  check(r.headers['sec-websocket-accept'] === want, 'sec-websocket-accept', r.headers['sec-websocket-accept']);
  return r;
};
const frame = (op, data, { mask = true, fin = true, rsv = 0 } = {}) => {
  const b = Buffer.from(data), head = [(fin ? 0x80 : 0) | rsv | op];
  if (b.length < 126) head.push((mask ? 0x80 : 0) | b.length);
  else head.push((mask ? 0x80 : 0) | 126, b.length >> 8, b.length & 255);
  return mask ? Buffer.concat([Buffer.from(head), Buffer.alloc(4), b]) : Buffer.concat([Buffer.from(head), b]);
};
const closed = (s, ms = 15000) => new Promise((resolve) => {
  const t = setTimeout(() => resolve(false), ms);
  const done = () => { clearTimeout(t); resolve(true); };
  s.on('close', done);
  s.on('end', done);
  s.on('error', done);
  s.resume();
});
const banner = ({ socket, head }) => new Promise((resolve) => {
  let text = head.toString('latin1');
  if (text.includes('SSH-2.0')) return resolve(true);
  const t = setTimeout(() => resolve(false), 10000);
  socket.on('data', (d) => { text += d.toString('latin1'); if (text.includes('SSH-2.0')) { clearTimeout(t); resolve(true); } });
});

// [what, what to do with an open socket, must the edge end it by itself?]
const ends = [
  ['goes without a word', (s) => s.destroy(), false],
  ['resets', (s) => s.tcp.resetAndDestroy(), false],
  ['ends its half', (s) => s.end(), true],
  ['half a frame, then gone', (s) => { s.write(Buffer.from([0x82, 0xfe, 0x10])); s.destroy(); }, false],
  ['half a frame, then the end of its half', (s) => { s.write(Buffer.from([0x82, 0xfe, 0x10])); s.end(); }, true],
  ['close frame', (s) => s.write(frame(8, [0x03, 0xe8])), true],
  ['close frame with a code that is none', (s) => s.write(frame(8, [0x00, 0x01])), true],
  ['close frame of one byte', (s) => s.write(frame(8, [0x03])), true],
  ['unmasked frame', (s) => s.write(frame(2, 'hello', { mask: false })), true],
  ['reserved bits', (s) => s.write(frame(2, 'hello', { rsv: 0x40 })), true],
  ['unknown opcode', (s) => s.write(frame(5, 'hello')), true],
  ['fragmented ping', (s) => s.write(frame(9, 'x', { fin: false })), true],
  ['continuation of nothing', (s) => s.write(frame(0, 'x')), true],
  ['a frame of 2^63 bytes', (s) => s.write(Buffer.from([0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])), true],
  ['not SSH', (s) => s.write(frame(2, 'GET / HTTP/1.0\r\n\r\n')), true],
];
for (const [what, act, must] of ends) {
  const r = await open();
  check(await banner(r), `${what}: sshd's banner`);
  act(r.socket);
  if (must) check(await closed(r.socket), `${what}: the connection stays open`);
  r.socket.destroy();
}
// a ping is answered, and the session goes on
const p = await open();
await banner(p);
p.socket.write(frame(9, 'are you there'));
const pong = await new Promise((resolve) => {
  const t = setTimeout(() => resolve(''), 10000);
  p.socket.on('data', (d) => { if (d[0] === 0x8a) { clearTimeout(t); resolve(d.subarray(2, 2 + d[1]).toString()); } });
});
check(pong === 'are you there', 'pong', pong);
p.socket.destroy();
// forty at once, all dropped
const many = await Promise.all(Array.from({ length: 40 }, open));
for (const r of many) r.socket.destroy();

// The head arrives, the client leaves before the answer.
for (let i = 0; i < 10; i += 1) {
  const s = await connect(app);
  s.write(`GET / HTTP/1.1\r\nHost: ${app}:${edge.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nCf-Access-Token: ${token}\r\n\r\n`);
  s.destroy();
}
// Wrong upgrades are no upgrades.
for (const [what, more, want] of [
  ['version 12', { 'sec-websocket-version': '12', 'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==' }, [400, 426]],
  ['no key', { 'sec-websocket-version': '13' }, [400]],
  ['short key', { 'sec-websocket-version': '13', 'sec-websocket-key': 'AAAA' }, [400]],
]) {
  const r = await request(app, '/', { headers: { connection: 'Upgrade', upgrade: 'websocket', 'cf-access-token': token, ...more } });
  check(want.includes(r.status), `upgrade with ${what}`, r.status);
  r.socket?.destroy();
}

// The tunnel port: no TLS, TLS and nothing, TLS and garbage, half-closed.
const tunnel = Number(process.env.TPORT);
const t1 = net.connect(tunnel, '127.0.0.1', () => t1.end('garbage\r\n'));
check(await closed(t1, 20000), 'tunnel port: plain text stays open');
const tlsTo = () => new Promise((resolve, reject) => {
  const s = tls.connect({ host: '127.0.0.1', port: tunnel, servername: 'h2.cftunnel.com', ca: edge.ca }, () => resolve(s));
  s.on('error', reject);
});
for (const [what, bytes] of [['garbage', 'x'.repeat(5000)], ['HTTP/1', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'], ['a frame too large', Buffer.from([0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0])]]) {
  const s = await tlsTo();
  s.write(bytes);
  check(await closed(s, 20000), `tunnel port: ${what} stays open`);
}
const half = await tlsTo();
half.end();
check(await closed(half, 20000), 'tunnel port: half-closed stays open');
report();
