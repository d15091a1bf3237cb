// An SFTP client, version 3 (draft-ietf-secsh-filexfer-02), on the bytes of one subsystem channel. The other end is a host: every
// length is checked, and nothing it says is more than text or bytes.
const PACKET_MAX = 300_000;
export const CHUNK = 32_768; // what every server takes in one READ or WRITE
const DEPTH = 8; // requests under way: enough for the distance, little enough for Ctrl-C
const LIST_MAX = 10_000;

export interface Entry {
  name: string;
  size: number;
  folder: boolean;
  file: boolean;
  mtime: number;
}
export class SftpError extends Error {
  constructor(readonly code: number, message: string) {
    super(message);
  }
}
const enum P {
  INIT = 1, VERSION, OPEN, CLOSE, READ, WRITE, FSTAT = 8, OPENDIR = 11, READDIR, REMOVE, REALPATH = 16, STAT,
  STATUS = 101, HANDLE, DATA, NAME, ATTRS,
}
const EOF = 1;
export const OPEN_READ = 1, OPEN_WRITE = 2, OPEN_CREAT = 8, OPEN_TRUNC = 16, OPEN_EXCL = 32;
const REASONS: Record<number, string> = {2: 'there is no such file', 3: 'permission denied', 4: 'the host failed', 5: 'bad message', 8: 'the host cannot do that'};

class Out {
  private b = new Uint8Array(256);
  private n = 4;
  private room(k: number): void {
    if (this.n + k <= this.b.length) return;
    const next = new Uint8Array(Math.max(this.b.length * 2, this.n + k));
    next.set(this.b.subarray(0, this.n));
    this.b = next;
  }
  u8(v: number): this {
    this.room(1);
    this.b[this.n++] = v;
    return this;
  }
  u32(v: number): this {
    this.room(4);
    new DataView(this.b.buffer).setUint32(this.n, v);
    this.n += 4;
    return this;
  }
  u64(v: number): this {
    return this.u32(Math.floor(v / 2 ** 32)).u32(v % 2 ** 32);
  }
  data(v: Uint8Array): this {
    this.u32(v.length).room(v.length);
    this.b.set(v, this.n);
    this.n += v.length;
    return this;
  }
  text(s: string): this {
    return this.data(new TextEncoder().encode(s));
  }
  done(): Uint8Array {
    new DataView(this.b.buffer).setUint32(0, this.n - 4);
    return this.b.subarray(0, this.n);
  }
}

class In {
  private at = 0;
  private v: DataView;
  constructor(private b: Uint8Array) {
    this.v = new DataView(b.buffer, b.byteOffset, b.length);
  }
  private take(n: number): number {
    if (n > this.b.length - this.at) throw new SftpError(5, 'bad message');
    const at = this.at;
    this.at += n;
    return at;
  }
  u8(): number {
    return this.v.getUint8(this.take(1));
  }
  u32(): number {
    return this.v.getUint32(this.take(4));
  }
  u64(): number {
    return this.u32() * 2 ** 32 + this.u32();
  }
  data(): Uint8Array {
    const n = this.u32(), at = this.take(n);
    return this.b.subarray(at, at + n);
  }
  text(): string {
    return new TextDecoder().decode(this.data());
  }
  attrs(): {size: number; mode: number; mtime: number} {
    const flags = this.u32(), a = {size: 0, mode: 0, mtime: 0};
    if (flags & 1) a.size = this.u64();
    if (flags & 2) this.take(8);
    if (flags & 4) a.mode = this.u32();
    if (flags & 8) {
      this.u32();
      a.mtime = this.u32();
    }
    if (flags & 0x80000000) {
      const n = this.u32();
      if (n > 64) throw new SftpError(5, 'bad message');
      for (let i = 0; i < n; i++) {
        this.data();
        this.data();
      }
    }
    return a;
  }
}

interface Waiting {
  yes(type: number, m: In): void;
  no(e: Error): void;
}

export class Sftp {
  private waiting = new Map<number, Waiting>();
  private begun: Waiting | null = null;
  private next = 1;
  private rest = new Uint8Array(0);
  private dead: Error | null = null;

  constructor(private send: (b: Uint8Array) => void) {}

  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.begun = {yes: () => resolve(), no: reject};
      this.send(new Out().u8(P.INIT).u32(3).done());
    });
  }

  end(why: string): void {
    if (this.dead) return;
    this.dead = new SftpError(0, why);
    this.begun?.no(this.dead);
    for (const w of this.waiting.values()) w.no(this.dead);
    this.waiting.clear();
  }

  feed(b: Uint8Array): void {
    if (this.dead) return;
    const all = new Uint8Array(this.rest.length + b.length);
    all.set(this.rest);
    all.set(b, this.rest.length);
    let at = 0;
    try {
      while (all.length - at >= 4) {
        const n = new DataView(all.buffer, at).getUint32(0);
        if (n < 1 || n > PACKET_MAX) throw new SftpError(5, 'bad message');
        if (all.length - at - 4 < n) break;
        this.packet(new In(all.subarray(at + 4, at + 4 + n)));
        at += 4 + n;
      }
    } catch {
      this.end('the host does not speak SFTP');
    }
    this.rest = all.slice(at);
  }

  private packet(m: In): void {
    const type = m.u8();
    if (type === P.VERSION) {
      this.begun?.yes(type, m);
      this.begun = null;
      return;
    }
    const id = m.u32(), w = this.waiting.get(id);
    if (!w) return;
    this.waiting.delete(id);
    try {
      w.yes(type, m);
    } catch (e) {
      w.no(e as Error);
      throw e;
    }
  }

  private ask<V>(type: number, fill: (o: Out) => void, want: number, read: (m: In) => V): Promise<V> {
    if (this.dead) return Promise.reject(this.dead);
    const id = this.next++, o = new Out().u8(type).u32(id);
    fill(o);
    return new Promise((resolve, reject) => {
      this.waiting.set(id, {no: reject, yes: (t, m) => {
        if (t === P.STATUS) {
          const code = m.u32();
          if (code === 0 && want === P.STATUS) resolve(read(m));
          else reject(new SftpError(code, REASONS[code] ?? `the host says ${code}`));
        } else if (t === want) {
          resolve(read(m));
        } else {
          throw new SftpError(5, 'bad message');
        }
      }});
      this.send(o.done());
    });
  }

  realpath(path: string): Promise<string> {
    return this.ask(P.REALPATH, o => o.text(path), P.NAME, m => (m.u32() ? m.text() : path));
  }
  stat(path: string): Promise<Entry> {
    return this.ask(P.STAT, o => o.text(path), P.ATTRS, m => entry('', m.attrs()));
  }
  open(path: string, flags: number): Promise<Uint8Array> {
    return this.ask(P.OPEN, o => o.text(path).u32(flags).u32(0), P.HANDLE, m => m.data().slice());
  }
  close(handle: Uint8Array): Promise<void> {
    return this.ask(P.CLOSE, o => o.data(handle), P.STATUS, () => undefined);
  }
  remove(path: string): Promise<void> {
    return this.ask(P.REMOVE, o => o.text(path), P.STATUS, () => undefined);
  }

  async list(path: string): Promise<{entries: Entry[]; cut: boolean}> {
    const dir = await this.ask(P.OPENDIR, o => o.text(path), P.HANDLE, m => m.data().slice());
    const entries: Entry[] = [];
    try {
      for (;;) {
        const some = await this.ask(P.READDIR, o => o.data(dir), P.NAME, m => {
          const v: Entry[] = [];
          for (let n = Math.min(m.u32(), LIST_MAX); n > 0; n--) {
            const name = m.text();
            m.text();
            v.push(entry(name, m.attrs()));
          }
          return v;
        });
        for (const e of some) if (e.name !== '.' && e.name !== '..') entries.push(e);
        if (entries.length > LIST_MAX || !some.length) return {entries: entries.slice(0, LIST_MAX), cut: entries.length > LIST_MAX};
      }
    } catch (e) {
      if (e instanceof SftpError && e.code === EOF) return {entries, cut: false};
      throw e;
    } finally {
      this.close(dir).catch(() => undefined);
    }
  }

  /* All of a file, in order; each piece goes to `take`. */
  async read(path: string, take: (b: Uint8Array) => void, stopped: () => boolean): Promise<void> {
    const h = await this.open(path, OPEN_READ);
    const queue: {at: number; want: number; p: Promise<Uint8Array | null>}[] = [];
    let next = 0;
    const ask = (at: number, want: number) => this.ask(P.READ, o => o.data(h).u64(at).u32(want), P.DATA, m => m.data().slice())
      .catch((e: unknown) => {
        if (e instanceof SftpError && e.code === EOF) return null;
        throw e;
      });
    try {
      for (;;) {
        while (queue.length < DEPTH) {
          const p = ask(next, CHUNK);
          p.catch(() => undefined);
          queue.push({at: next, want: CHUNK, p});
          next += CHUNK;
        }
        const head = queue.shift();
        const got = head && await head.p;
        if (!head || !got || stopped()) return;
        if (got.length > head.want) throw new SftpError(5, 'bad message');
        take(got);
        if (got.length < head.want) { // a short read is no end: the rest of it comes before all else
          const at = head.at + got.length, want = head.want - got.length, p = ask(at, want);
          p.catch(() => undefined);
          queue.unshift({at, want, p});
        }
      }
    } finally {
      this.close(h).catch(() => undefined);
    }
  }

  /* The file, into what was opened for writing. */
  async write(h: Uint8Array, file: Blob, done: (n: number) => void, stopped: () => boolean): Promise<void> {
    const queue: Promise<void>[] = [];
    let sent = 0;
    for (let at = 0; at < file.size && !stopped(); at += CHUNK) {
      const piece = new Uint8Array(await file.slice(at, at + CHUNK).arrayBuffer());
      const p = this.ask(P.WRITE, o => o.data(h).u64(at).data(piece), P.STATUS, () => undefined);
      p.catch(() => undefined);
      queue.push(p.then(() => done(sent += piece.length)));
      if (queue.length >= DEPTH) await queue.shift();
    }
    await Promise.all(queue);
  }
}

function entry(name: string, a: {size: number; mode: number; mtime: number}): Entry {
  return {name, size: a.size, mtime: a.mtime, folder: (a.mode & 0o170000) === 0o040000, file: (a.mode & 0o170000) === 0o100000};
}
