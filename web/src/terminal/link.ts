// One WebSocket of the terminal protocol (docs/protocol/terminal.md): messages out of frames, and frames out of messages.
export const TERMINAL = 0;
export const SFTP = 1;
const PIECE = 16_384;
const ANSWER_MS = 8_000;
const SIGN_IN = new Set(['SP-1101']); // nobody is signed in
const BUSY = new Set(['SP-1007', 'SP-1008']); // another try may do

export interface State {
  state: 'connecting' | 'ready' | 'back';
  session: string;
  user: string;
  host: string;
  email: string;
  offset: number;
  until: number;
  idle: number;
}
export interface LinkOps {
  state(s: State): void;
  data(b: Uint8Array): void;
  sftp(b: Uint8Array): void;
  sftpState(open: boolean, text: string): void;
  notice(text: string): void;
  error(code: string, text: string): void;
  exit(status: number | null, signal: string): void;
  closed(text: string): void;
  lost(opened: boolean): void; // without a goodbye; last
}

const text = (v: unknown): string => (typeof v === 'string' ? v : '');
const number = (v: unknown): number => (typeof v === 'number' && Number.isFinite(v) ? v : 0);

export class Link {
  private ws: WebSocket;
  private opened = false;
  private said = false; // the edge said that it is over
  private waiting = 0;
  private encoder = new TextEncoder();

  constructor(url: string, private ops: LinkOps) {
    this.ws = new WebSocket(url);
    this.ws.binaryType = 'arraybuffer';
    this.ws.onopen = () => { this.opened = true; };
    this.ws.onmessage = e => this.message(e.data);
    this.ws.onclose = () => this.gone();
  }

  control(m: Record<string, unknown>): void {
    if (this.ws.readyState === WebSocket.OPEN) this.ws.send(JSON.stringify(m));
  }

  type(s: string): void {
    this.bytes(TERMINAL, this.encoder.encode(s));
  }

  bytes(kind: number, b: Uint8Array): void {
    if (this.ws.readyState !== WebSocket.OPEN) return;
    for (let i = 0; i < b.length; i += PIECE) {
      const part = b.subarray(i, i + PIECE);
      const m = new Uint8Array(part.length + 1);
      m[0] = kind;
      m.set(part, 1);
      this.ws.send(m);
    }
  }

  get queued(): number {
    return this.ws.bufferedAmount;
  }

  /* Is anybody there? A machine that slept, or changed its network, does not hear that the other end is gone. */
  probe(): void {
    if (this.waiting || this.ws.readyState !== WebSocket.OPEN) return;
    this.control({type: 'ping'});
    this.waiting = window.setTimeout(() => this.drop(), ANSWER_MS);
  }

  /* Ends it here; lost() is called as for any loss. */
  drop(): void {
    this.ws.onclose = null;
    this.ws.close();
    this.gone();
  }

  /* Ends it here, silently. */
  forget(): void {
    this.said = true;
    window.clearTimeout(this.waiting);
    this.ws.onmessage = this.ws.onclose = null;
    this.ws.close();
  }

  private gone(): void {
    window.clearTimeout(this.waiting);
    this.ws.onmessage = this.ws.onclose = null;
    if (!this.said) this.ops.lost(this.opened);
  }

  private message(d: unknown): void {
    window.clearTimeout(this.waiting);
    this.waiting = 0;
    if (d instanceof ArrayBuffer) {
      const b = new Uint8Array(d);
      if (b[0] === TERMINAL) this.ops.data(b.subarray(1));
      else if (b[0] === SFTP) this.ops.sftp(b.subarray(1));
      return;
    }
    let m: Record<string, unknown>;
    try {
      m = JSON.parse(String(d)) as Record<string, unknown>;
    } catch {
      return;
    }
    switch (m['type']) {
      case 'state':
        this.ops.state({
          state: m['state'] === 'ready' ? 'ready' : m['state'] === 'back' ? 'back' : 'connecting',
          session: text(m['session']), user: text(m['user']), host: text(m['host']), email: text(m['email']),
          offset: number(m['offset']), until: number(m['until']), idle: number(m['idle']),
        });
        break;
      case 'notice':
        this.ops.notice(text(m['text']));
        break;
      case 'error':
        this.said = true;
        this.ops.error(text(m['code']), text(m['text']));
        break;
      case 'exit':
        this.ops.exit(typeof m['status'] === 'number' ? m['status'] : null, text(m['signal']));
        break;
      case 'closed':
        this.said = true;
        this.ops.closed(text(m['text']));
        break;
      case 'sftp':
        this.ops.sftpState(m['state'] === 'open', text(m['text']));
        break;
      default: // of a later version
        break;
    }
  }
}

/* What there is behind this page, for this person. */
export interface Config {
  app: string;
  email: string;
  users: string[]; // the Unix users that the policy allows; the first is the default
  bastion: boolean; // the destination is chosen here
  destination: string; // the default one
}
export const DOOR = '/cdn-cgi/access/terminal';

export type Refusal = {kind: 'retry'} | {kind: 'sign-in'} | {kind: 'refused'; code: string; text: string};

/* A WebSocket that was refused says nothing to a page: the same question as plain HTTP does. */
async function question(query: string): Promise<{config: Config} | Refusal> {
  let r: Response, body: string;
  try {
    r = await fetch(`${DOOR}${query}`, {redirect: 'manual', cache: 'no-store', headers: {accept: 'application/json'}, signal: AbortSignal.timeout(ANSWER_MS)});
    body = (await r.text()).slice(0, 65_536);
  } catch {
    return {kind: 'retry'};
  }
  if (r.type === 'opaqueredirect') return {kind: 'sign-in'};
  let m: Record<string, unknown> = {};
  try {
    m = JSON.parse(body) as Record<string, unknown>;
  } catch { /* one line of text */ }
  if (r.ok)
    return {config: {app: text(m['app']) || location.hostname, email: text(m['email']), bastion: m['bastion'] === true, destination: text(m['default_destination']),
      users: Array.isArray(m['users']) ? m['users'].filter((u): u is string => typeof u === 'string') : []}};
  const said = /^\s*(SP-\d{4})\s+([\s\S]*)$/.exec(text(m['message']) || body), code = said?.[1] ?? '';
  if (r.status === 401 || SIGN_IN.has(code)) return {kind: 'sign-in'};
  if (BUSY.has(code) || (!code && r.status >= 500)) return {kind: 'retry'};
  return {kind: 'refused', code, text: said?.[2]?.trim() ?? `HTTP ${r.status}`};
}

export const describe = (): Promise<{config: Config} | Refusal> => question('');
export async function whyRefused(query: string): Promise<Refusal> {
  const r = await question(`${query}${query ? '&' : '?'}check=1`);
  return 'config' in r ? {kind: 'retry'} : r;
}
