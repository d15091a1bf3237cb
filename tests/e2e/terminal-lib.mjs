// A browser terminal without a browser: docs/protocol/terminal.md over a raw WebSocket.
import crypto from 'node:crypto';
import fs from 'node:fs';
import { edge, request } from './lib.mjs';

export const jarCookie = (jar, host) => {
  for (const l of fs.readFileSync(jar, 'utf8').split('\n')) {
    const f = l.replace(/^#HttpOnly_/, '').split('\t');
    if (f[5] === 'CF_Authorization' && f[0].replace(/^\./, '') === host) return `CF_Authorization=${f[6]}`;
  }
  throw new Error(`no cookie for ${host} in ${jar}`);
};

export class Terminal {
  constructor(host, cookie) {
    Object.assign(this, { host, cookie, text: '', offset: 0, acked: 0, autoAck: true, messages: [], waiting: [], closed: null, buf: Buffer.alloc(0) });
  }
  // -> HTTP status; 101 = open
  async connect(query = '', { origin = `https://${this.host}:${edge.port}`, headers = {} } = {}) {
    const r = await request(this.host, `/cdn-cgi/access/terminal${query}`, { headers: {
      connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13',
      'sec-websocket-key': crypto.randomBytes(16).toString('base64'), ...(this.cookie ? { cookie: this.cookie } : {}),
      ...(origin ? { origin } : {}), ...headers } });
    this.status = r.status;
    this.body = r.body;
    if (r.status !== 101) return r.status;
    this.sock = r.socket;
    this.closed = null;
    this.buf = Buffer.alloc(0);
    this.sock.on('data', (d) => this.take(d));
    for (const e of ['end', 'close', 'error']) this.sock.on(e, () => this.over({ code: 0 }));
    if (r.head?.length) this.take(r.head);
    return 101;
  }
  over(how) {
    if (this.closed) return;
    this.closed = how;
    this.wake();
  }
  take(d) {
    this.buf = Buffer.concat([this.buf, d]);
    for (;;) {
      if (this.buf.length < 2) return;
      let n = this.buf[1] & 127, at = 2;
      if (n === 126) { if (this.buf.length < 4) return; n = this.buf.readUInt16BE(2); at = 4; }
      else if (n === 127) { if (this.buf.length < 10) return; n = Number(this.buf.readBigUInt64BE(2)); at = 10; }
      if (this.buf.length < at + n) return;
      const op = this.buf[0] & 15, p = this.buf.subarray(at, at + n);
      this.buf = this.buf.subarray(at + n);
      if (op === 9) this.frame(10, p);
      else if (op === 8) { this.frame(8, p.subarray(0, 2)); this.over({ code: p.length >= 2 ? p.readUInt16BE(0) : 1005 }); this.sock.end(); }
      else if (op === 1) { this.messages.push(JSON.parse(String(p))); }
      else if (op === 2 && p[0] === 0) {
        this.text += p.subarray(1).toString('latin1');
        this.offset += p.length - 1;
        this.bytes = (this.bytes ?? 0) + p.length - 1;
        if (this.autoAck && this.offset - this.acked > 32768) this.ack();
      }
      this.wake();
    }
  }
  wake() { for (const w of [...this.waiting]) w(); }
  frame(op, payload, { fin = 0x80, mask = crypto.randomBytes(4), masked = true } = {}) {
    const p = Buffer.from(payload), n = p.length;
    const head = n < 126 ? [n] : n < 65536 ? [126, n >> 8, n & 255] : [127, 0, 0, 0, 0, n >>> 24, (n >> 16) & 255, (n >> 8) & 255, n & 255];
    head[0] |= masked ? 0x80 : 0;
    const body = masked ? Buffer.from(p.map((b, i) => b ^ mask[i & 3])) : p;
    this.sock.write(Buffer.concat([Buffer.from([fin | op, ...head]), masked ? mask : Buffer.alloc(0), body]));
  }
  say(o) { this.frame(1, JSON.stringify(o)); }
  open(cols = 80, rows = 24, from = 0) {
    this.offset = from;
    this.acked = from;
    this.say({ type: 'open', cols, rows, from });
  }
  ack() { this.acked = this.offset; this.say({ type: 'ack', offset: this.offset }); }
  type(s) { this.frame(2, Buffer.concat([Buffer.from([0]), Buffer.from(s, 'latin1')])); }
  // until fn() is true; rejects at the end of the connection or of ms
  until(fn, what, ms = 20000) {
    return new Promise((resolve, reject) => {
      const stop = () => { clearTimeout(timer); this.waiting.splice(this.waiting.indexOf(look), 1); };
      const look = () => {
        const v = fn();
        if (v) { stop(); resolve(v); } else if (this.closed) { stop(); reject(new Error(`${what}: the connection ended (${JSON.stringify(this.closed)}): ${JSON.stringify(this.messages)} ${JSON.stringify(this.text.slice(-300))}`)); }
      };
      const timer = setTimeout(() => { stop(); reject(new Error(`${what}: not in ${ms} ms: ${JSON.stringify(this.messages)} ${JSON.stringify(this.text.slice(-300))}`)); }, ms);
      this.waiting.push(look);
      look();
    });
  }
  message(pick, what = JSON.stringify(pick), ms) {
    return this.until(() => this.messages.find((m) => Object.entries(pick).every(([k, v]) => m[k] === v)), what, ms);
  }
  ready(ms) { return this.message({ type: 'state', state: 'ready' }, 'ready', ms); }
  sees(re, ms) { return this.until(() => re.exec(this.text), `${re}`, ms); }
  ended(ms) {
    return new Promise((resolve, reject) => {
      const look = () => { if (this.closed) { clearTimeout(timer); resolve(this.closed); } };
      const timer = setTimeout(() => reject(new Error('the connection did not end')), ms ?? 20000);
      this.waiting.push(look);
      look();
    });
  }
  drop() { this.sock.destroy(); }
  // a shell that answers; -> this
  static async shell(host, cookie, query = '', cols = 80, rows = 24) {
    const t = new Terminal(host, cookie);
    const status = await t.connect(query);
    if (status !== 101) throw new Error(`terminal: ${status} ${t.body}`);
    t.open(cols, rows);
    await t.ready();
    return t;
  }
}
