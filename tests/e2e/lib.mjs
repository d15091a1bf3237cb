// Small tools of the e2e scripts: node lib.mjs COMMAND ARGS. Also imported by the drivers.
import crypto from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';

export const b64u = (x) => Buffer.from(x).toString('base64url');
export const claims = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url'));
export const header = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[0], 'base64url'));

// RFC 6238 with the parameters that authenticators assume: SHA-1, 30 s, 6 digits
export function totp(secret, step = 0, now = Date.now()) {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret.replace(/=+$/, '').toUpperCase()].map((c) => alphabet.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(now / 30000) + step));
  const h = crypto.createHmac('sha1', key).update(counter).digest();
  const n = h.readUInt32BE(h[19] & 15) & 0x7fffffff;
  return String(n % 1000000).padStart(6, '0');
}

// The edge as the scripts know it, from the environment of dev/lib.sh.
export const edge = { port: Number(process.env.UPORT), ca: process.env.SALLYPORT_CA_FILE && fs.readFileSync(process.env.SALLYPORT_CA_FILE) };

export const connect = (host) => new Promise((resolve, reject) => {
  const tcp = net.connect(edge.port, '127.0.0.1');
  const s = tls.connect({ socket: tcp, servername: host, ca: edge.ca, ALPNProtocols: ['http/1.1'] }, () => resolve(s));
  s.tcp = tcp;
  s.on('error', reject);
  tcp.on('error', reject);
});

// Sends the pieces as they are, reads until the peer closes or `ms` pass. -> {text, closed, ms}
export async function raw(host, pieces, { ms = 5000, end = false } = {}) {
  const s = await connect(host);
  const begun = Date.now();
  return new Promise((resolve) => {
    let text = '', done = false;
    const finish = (closed) => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      s.destroy();
      resolve({ text, closed, ms: Date.now() - begun });
    };
    const timer = setTimeout(() => finish(false), ms);
    s.on('data', (d) => { text += d.toString('latin1'); });
    s.on('end', () => finish(true));
    s.on('close', () => finish(true));
    s.removeAllListeners('error');
    s.on('error', () => finish(true));
    for (const p of [].concat(pieces)) s.write(Buffer.from(p, 'latin1'));
    if (end) s.end();
  });
}
export const status = (text) => Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0);

// One ordinary request over a fresh connection. -> {status, headers, body}
export function request(host, path, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    connect(host).then((socket) => {
      const r = http.request({ createConnection: () => socket, host, port: edge.port, path, method,
        headers: { host: `${host}:${edge.port}`, connection: 'close', ...headers } }, (res) => {
        let text = '';
        res.on('data', (d) => { text += d; });
        res.on('end', () => { socket.destroy(); resolve({ status: res.statusCode, headers: res.headers, body: text }); });
      });
      r.on('upgrade', (res, s, head) => resolve({ status: 101, headers: res.headers, socket: s, head }));
      r.on('error', reject);
      r.end(body);
    }, reject);
  });
}

let failed = 0, passed = 0;
export function check(ok, what, found) {
  if (ok) { passed += 1; return; }
  failed += 1;
  console.log(`FAIL: ${what}${found === undefined ? '' : `: found ${JSON.stringify(found)}`}`);
}
export function report() {
  console.log(`${passed} checks kept, ${failed} broken`);
  process.exit(failed ? 1 : 0);
}

const commands = {
  totp: (secret, step) => console.log(totp(secret, Number(step ?? 0))),
  claim: (jwt, name) => console.log(String(claims(jwt)[name] ?? '')),
  // an HTTP server with one answer, or N bytes at /bytes/N
  serve: (port, text) => http.createServer((req, res) => {
    const n = /^\/bytes\/(\d+)$/.exec(req.url);
    res.end(n ? Buffer.alloc(Number(n[1]), 'x') : text);
  }).listen(Number(port), '127.0.0.1', () => console.log('ready')),
  // writes a line for each connection
  trap: (port) => net.createServer((s) => { console.log('somebody connected'); s.destroy(); })
    .listen(Number(port), '127.0.0.1', () => console.log('ready')),
};
if (process.argv[1] === new URL(import.meta.url).pathname) {
  const [, , name, ...args] = process.argv;
  if (!commands[name]) {
    console.error(`lib.mjs: commands are ${Object.keys(commands).join(' ')}`);
    process.exit(2);
  }
  commands[name](...args);
}
