// A client that speaks the resume protocol by its own lights: docs/protocol/resume.md, written a second time, and every rude thing it could do.
import crypto from 'node:crypto';
import { createRequire } from 'node:module';
import { check, report, request } from './lib.mjs';

const nacl = createRequire(new URL('../oidc/package.json', import.meta.url))('tweetnacl');
const { APP_HOST: app, OTHER_HOST: other, TOKEN, OTHER_TOKEN } = process.env;
const token = { [app]: TOKEN, [other]: OTHER_TOKEN };
const P = 'sallyport-resume.1';

const frame = (op, b) => {
  const head = b.length < 126 ? [0x80 | op, 0x80 | b.length] : [0x80 | op, 0x80 | 126, b.length >> 8, b.length & 255];
  return Buffer.concat([Buffer.from(head), Buffer.alloc(4), b]);
};
const u32 = (n) => { const b = Buffer.alloc(4); b.writeUInt32BE(n); return b; };
const u64 = (n) => { const b = Buffer.alloc(8); b.writeBigUInt64BE(BigInt(n)); return b; };
const record = (type, ...parts) => { const p = Buffer.concat(parts); return Buffer.concat([u32(p.length | (type << 24)).map((x) => x), p]); };
const hmac = (k, ...parts) => crypto.createHmac('sha256', k).update(Buffer.concat(parts)).digest();

// One leg: what comes is taken apart into frames and records. -> {status, send(), next(type), closed}
async function leg(host, protocol) {
  const r = await request(host, '/', { headers: { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13',
    'sec-websocket-key': crypto.randomBytes(16).toString('base64'), 'sec-websocket-protocol': protocol, 'cf-access-token': token[host] } });
  const l = { status: r.status, protocol: r.headers['sec-websocket-protocol'], records: [], code: undefined, waiting: [] };
  if (r.status !== 101) return l;
  let wire = Buffer.alloc(0), bytes = Buffer.alloc(0);
  const wake = () => { for (const w of l.waiting.splice(0)) w(); };
  const take = (d) => {
    wire = Buffer.concat([wire, d]);
    for (;;) {
      if (wire.length < 2) break;
      let n = wire[1] & 127, at = 2;
      if (n === 126) { if (wire.length < 4) break; n = wire.readUInt16BE(2); at = 4; }
      if (n === 127) { if (wire.length < 10) break; n = Number(wire.readBigUInt64BE(2)); at = 10; }
      if (wire.length < at + n) break;
      const op = wire[0] & 15, p = wire.subarray(at, at + n);
      wire = wire.subarray(at + n);
      if (op === 8) l.code = p.readUInt16BE(0);
      if (op === 2) bytes = Buffer.concat([bytes, p]);
    }
    for (;;) {
      if (bytes.length < 4) break;
      const n = bytes.readUIntBE(1, 3);
      if (bytes.length < 4 + n) break;
      l.records.push({ type: bytes[0], p: bytes.subarray(4, 4 + n) });
      bytes = bytes.subarray(4 + n);
    }
    wake();
  };
  l.closed = new Promise((done) => { const end = () => { l.over = true; wake(); done(true); }; r.socket.on('close', end); r.socket.on('end', end); r.socket.on('error', end); });
  r.socket.on('data', take);
  take(r.head);
  l.send = (...b) => r.socket.write(frame(2, Buffer.concat(b)));
  l.next = async (type) => {
    for (;;) {
      const i = l.records.findIndex((x) => x.type === type);
      if (i >= 0) return l.records.splice(i, 1)[0].p;
      if (l.over) return undefined;
      await new Promise((w) => { l.waiting.push(w); });
    }
  };
  l.drop = () => r.socket.destroy();
  l.bye = () => r.socket.write(frame(8, Buffer.from([3, 232])));
  return l;
}
const within = (p, ms) => Promise.race([p, new Promise((r) => { setTimeout(() => r(undefined), ms).unref(); })]);

async function begin(host = app) {
  const mine = nacl.box.keyPair(), l = await leg(host, P);
  check(l.status === 101 && l.protocol === P, 'a new session', `${l.status} ${l.protocol}`);
  l.send(record(1, Buffer.from([1]), mine.publicKey));
  const w = await l.next(2), id = w.subarray(0, 16), theirs = w.subarray(16, 48);
  const shared = nacl.box.before(theirs, mine.secretKey);
  const key = hmac(Buffer.from(shared), Buffer.from(P), id, mine.publicKey, theirs);
  const greeting = await l.next(16);
  check(greeting.toString().startsWith('SSH-2.0'), "sshd's greeting", greeting.toString());
  return { l, id, key, got: greeting.length, attempt: 0, grace: w.readUInt32BE(48) };
}
const back = (s, { attempt = ++s.attempt, received = s.got, key = s.key, id = s.id, version = 1 } = {}) => {
  const p = Buffer.concat([Buffer.from([version]), id, u32(attempt), u64(received)]);
  return record(3, p, hmac(key, Buffer.from('c'), p));
};
// Comes back over a new leg; what the connector says to it.
async function returns(s, bytes, host = app) {
  const l = await leg(host, `${P}.back`);
  check(l.status === 101 && l.protocol === `${P}.back`, 'a return', `${l.status} ${l.protocol}`);
  l.send(bytes);
  await within(Promise.race([l.next(4).then((p) => { l.again = p; }), l.next(5).then((p) => { l.gone = p; }), l.closed]), 10000);
  return l;
}
const refused = async (what, s, bytes, host) => {
  const l = await returns(s, bytes, host);
  check(l.again === undefined, `${what}: taken up`);
  check(await within(l.closed, 10000), `${what}: the leg stays open`);
};

// the honest way, by our own reading of the page
const s = await begin();
check(s.grace > 0, 'grace', s.grace);
s.l.drop();
const l1 = await returns(s, back(s));
check(l1.again !== undefined, 'an honest return');
check(l1.again?.subarray(8).equals(hmac(s.key, Buffer.from('s'), l1.again.subarray(0, 8), u32(s.attempt))), "AGAIN is the connector's");
l1.send(record(16, Buffer.from('SSH-2.0-test\r\n')));
const kex = await within(l1.next(16), 10000);
check(kex?.length > 100, 'sshd goes on where it was', kex?.length);
s.got += kex?.length ?? 0;
l1.drop();

// what must not take it up
const used = back(s, { attempt: s.attempt });
await refused('an attempt used before', s, used);
await refused('a wrong MAC', s, back(s, { key: crypto.randomBytes(32) }));
await refused('an id of nobody', s, back(s, { id: crypto.randomBytes(16) }));
await refused('bytes that were never sent', s, back(s, { received: 1 << 30 }));
await refused('bytes confirmed and then not', s, back(s, { received: 0 }));
await refused('another version', s, back(s, { version: 2 }));
await refused("another application's door", s, back(s), other);
await refused('HELLO on a return', s, record(1, Buffer.from([1]), crypto.randomBytes(32)));
await refused('DATA on a return', s, record(16, Buffer.from('x')));
await refused('an unknown record', s, record(99));
const silent = await leg(app, `${P}.back`);
check(await within(silent.closed, 15000), 'a return that says nothing stays open');
const l2 = await returns(s, back(s));
check(l2.again !== undefined, 'after all that, the honest return');
l2.bye();
check(await within(l2.closed, 10000), 'a close ends it');
await refused('after the close', s, back(s));

// a new session begun wrongly
for (const [what, bytes] of [['DATA before HELLO', record(16, Buffer.from('x'))], ['a key of small order', record(1, Buffer.from([1]), Buffer.alloc(32))],
  ['HELLO of another version', record(1, Buffer.from([2]), crypto.randomBytes(32))], ['a record too long', Buffer.from([16, 0xff, 0xff, 0xff])]]) {
  const l = await leg(app, P);
  l.send(bytes);
  check(await within(l.closed, 10000), `${what}: stays open`);
}
const twice = await begin();
twice.l.send(record(1, Buffer.from([1]), crypto.randomBytes(32)));
check(await within(twice.l.closed, 10000), 'HELLO twice: stays open');
const liar = await begin();
liar.l.send(record(17, u64(1 << 20)));
check(await within(liar.l.closed, 10000), 'ACK of what was never sent: stays open');
report();
