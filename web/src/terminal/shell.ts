// One shell: its screen, its link to the edge, and what is said about it. Comes back to the same shell by itself.
import {cleanLabel} from './clean';
import {el} from './dom';
import {DOOR, Link, SFTP, TERMINAL, whyRefused, type LinkOps, type State} from './link';
import {guardPaste} from './paste';
import {makeScreen, type OpenLink, type Screen} from './screen';
import {Sftp} from './sftp';
import type {Settings} from './settings';
import {T} from './texts';

const ACK_BYTES = 32_768;
const ACK_MS = 40;
const PROBE_MS = 20_000;
const RETRY_MS = [200, 500, 1_000, 2_000, 4_000];
export const COLS_MAX = 1_000;
export const ROWS_MAX = 1_000;

export type Phase = 'connecting' | 'ready' | 'closed' | 'refused';

export interface ShellOps {
  changed(s: Shell): void; // phase, title or identity
  say(text: string): void; // for people who listen
  bell(s: Shell): void;
  sftpLost(c: Sftp, why: string): void;
  open: OpenLink;
}

export class Shell {
  readonly pane = el('div', {class: 'pane', role: 'tabpanel'});
  readonly screen: Screen;
  phase: Phase = 'connecting';
  code = '';
  why = '';
  title = '';
  host = '';
  until = 0;
  unseen = false;
  private link: Link | null = null;
  private pos = 0; // offset of the next byte that comes
  private drawn = 0;
  private acked = 0;
  private quiet = 0; // up to here it was drawn before, by a page that is gone: nobody answers what it asks
  private ackTimer = 0;
  private tries = 0;
  private retryTimer = 0;
  private fresh = true; // this page has not drawn anything of it
  private taken = false;
  private opened = false; // "open" was said on this link
  private exitText = '';
  private banner = el('div', {class: 'banner', role: 'status', hidden: true});
  private card: HTMLElement | null = null;
  private sftpWait: {yes(s: Sftp): void; no(e: Error): void} | null = null;
  private sftp: Sftp | null = null;
  private sizeTimer = 0;
  private probeTimer = 0;

  constructor(private settings: Settings, public user: string, readonly destination: string, public id: string, private ops: ShellOps) {
    this.screen = makeScreen(settings, ops.open);
    const box = el('div', {class: 'box'});
    this.pane.append(box, this.banner);
    queueMicrotask(() => this.begin(box));
  }

  private begin(box: HTMLElement): void {
    const {term} = this.screen;
    term.open(box);
    term.onData(d => this.typed(d));
    term.onBinary(d => this.link?.bytes(TERMINAL, Uint8Array.from(d, c => c.charCodeAt(0))));
    term.onTitleChange(t => {
      this.title = cleanLabel(t, 60);
      this.ops.changed(this);
    });
    term.onBell(() => this.settings.bell && this.ops.bell(this));
    this.pane.addEventListener('paste', e => {
      e.preventDefault();
      e.stopPropagation();
      void this.paste(e.clipboardData?.getData('text/plain') ?? '');
    }, true);
    new ResizeObserver(() => {
      window.clearTimeout(this.sizeTimer);
      this.sizeTimer = window.setTimeout(() => this.fit(), 30);
    }).observe(box);
    this.fit();
    term.onResize(({cols, rows}) => this.link?.control({type: 'resize', cols, rows}));
    this.connect();
    this.probeTimer = window.setInterval(() => this.link?.probe(), PROBE_MS);
  }

  fit(): void {
    const d = this.screen.fit.proposeDimensions();
    if (!d || !Number.isFinite(d.cols) || !Number.isFinite(d.rows)) return;
    this.screen.term.resize(Math.min(Math.max(d.cols, 2), COLS_MAX), Math.min(Math.max(d.rows, 1), ROWS_MAX));
  }

  /* The machine woke up, or the network changed. */
  wake(): void {
    if (this.retryTimer) {
      window.clearTimeout(this.retryTimer);
      this.connect();
    } else {
      this.link?.probe();
    }
  }

  async paste(raw: string): Promise<void> {
    if (!raw || this.phase !== 'ready') return;
    const t = await guardPaste(raw, n => this.notice(n));
    if (t) this.screen.term.paste(t);
    this.screen.term.focus();
  }

  /* Ends it: what runs in it gets the hang-up. */
  close(): void {
    window.clearInterval(this.probeTimer);
    window.clearTimeout(this.retryTimer);
    this.link?.control({type: 'close'});
    this.link?.forget();
    this.sftpEnd(T.ended);
    this.screen.term.dispose();
    this.pane.remove();
  }

  notice(text: string): void {
    this.banner.replaceChildren(el('span', {}, cleanText(text)), el('button', {type: 'button', class: 'quiet', click: () => {
      this.banner.hidden = true;
      this.screen.term.focus();
    }}, T.dismiss));
    this.banner.hidden = false;
  }

  /* A channel for files. */
  startSftp(): Promise<Sftp> {
    if (this.phase !== 'ready' || !this.link) return Promise.reject(new Error(T.filesNeedShell));
    this.sftpEnd(T.filesLost);
    return new Promise((yes, no) => {
      this.sftpWait = {yes, no};
      this.link?.control({type: 'sftp'});
    });
  }

  private sftpEnd(why: string): void {
    this.sftpWait?.no(new Error(why));
    this.sftpWait = null;
    if (this.sftp) this.ops.sftpLost(this.sftp, why);
    this.sftp = null;
  }

  private set(phase: Phase): void {
    this.phase = phase;
    this.ops.changed(this);
  }

  private query(): string {
    const q = new URLSearchParams();
    if (this.id) q.set('session', this.id);
    else {
      if (this.user) q.set('user', this.user);
      if (this.destination) q.set('destination', this.destination);
    }
    const s = q.toString();
    return s ? `?${s}` : '';
  }

  private connect(): void {
    this.retryTimer = 0;
    this.taken = this.opened = false;
    const mine = (f: () => void) => { if (this.link === link) f(); };
    const ops: LinkOps = {
      state: s => mine(() => this.state(s)),
      data: b => mine(() => this.data(b)),
      sftp: b => this.sftp?.feed(b),
      sftpState: (open, text) => mine(() => this.sftpState(open, text)),
      notice: t => mine(() => this.notice(t)),
      error: (code, text) => mine(() => this.error(code, text)),
      exit: (n, s) => { this.exitText = s ? T.signal(cleanLabel(s, 20)) : T.exit(n ?? 0); },
      closed: text => mine(() => this.over(this.code ? this.why : text)),
      lost: opened => mine(() => this.lost(opened)),
    };
    const link: Link = new Link(`wss://${location.host}${DOOR}${this.query()}`, ops);
    this.link = link;
    this.set('connecting');
  }

  private state(s: State): void {
    this.tries = 0;
    this.id = s.session;
    this.user = s.user;
    this.host = s.host;
    this.until = s.until;
    if (s.state === 'ready') {
      this.aligned(s.offset);
      this.set('ready');
      return;
    }
    if (s.state === 'back' && this.fresh) this.quiet = s.offset;
    this.ops.changed(this);
    if (this.opened) return;
    this.opened = true;
    const {cols, rows} = this.screen.term;
    this.link?.control({type: 'open', cols, rows, from: this.fresh ? 0 : this.pos});
  }

  /* What comes next stands at this offset of the output. */
  private aligned(offset: number): void {
    const {term} = this.screen;
    if (!this.fresh && offset > this.pos) term.write(`\r\n\x1b[0;2m${T.gap}\x1b[0m\r\n`);
    if (!this.fresh && !this.banner.hidden) this.banner.hidden = true;
    this.fresh = false;
    this.pos = offset;
    this.drawn = Math.max(this.drawn, offset);
    this.acked = offset;
  }

  private data(b: Uint8Array): void {
    this.pos += b.length;
    const at = this.pos, link = this.link;
    this.screen.term.write(b, () => {
      this.drawn = at;
      if (this.link === link) this.ack();
    });
  }

  private ack(): void {
    if (this.drawn - this.acked >= ACK_BYTES) {
      window.clearTimeout(this.ackTimer);
      this.ackTimer = 0;
      this.acked = this.drawn;
      this.link?.control({type: 'ack', offset: this.drawn});
    } else if (!this.ackTimer && this.drawn > this.acked) {
      this.ackTimer = window.setTimeout(() => {
        this.ackTimer = 0;
        if (this.phase !== 'ready' || this.drawn <= this.acked) return;
        this.acked = this.drawn;
        this.link?.control({type: 'ack', offset: this.drawn});
      }, ACK_MS);
    }
  }

  private typed(d: string): void {
    if (this.phase !== 'ready') return;
    if (this.drawn < this.quiet && d.startsWith('\x1b')) return;
    this.link?.type(d);
  }

  private sftpState(open: boolean, text: string): void {
    if (!open) {
      this.sftpEnd(cleanText(text) || T.ended);
      return;
    }
    const s = new Sftp(b => this.link?.bytes(SFTP, b)), w = this.sftpWait;
    this.sftp = s;
    this.sftpWait = null;
    s.start().then(() => w?.yes(s), (e: unknown) => w?.no(e as Error));
  }

  private error(code: string, text: string): void {
    if (code === 'SP-1710' && !this.fresh && this.phase === 'ready') this.taken = true;
    this.code = cleanLabel(code, 12);
    this.why = text;
    this.over(text);
  }

  /* The edge said that it is over. Nothing comes back by itself. */
  private over(text: string): void {
    if (this.phase === 'closed' || this.phase === 'refused') return;
    const began = this.phase === 'ready' || !this.fresh;
    this.link?.forget();
    this.link = null;
    this.sftpEnd(T.ended);
    if (!began && this.code === 'SP-1710' && this.id) { // kept by a page that is gone, and ended since
      this.id = this.code = '';
      this.screen.term.write(`\x1b[2m${T.gone}\x1b[0m\r\n`);
      this.connect();
      return;
    }
    this.end(this.code && !began ? 'refused' : 'closed', this.code || !this.exitText ? text : this.exitText);
  }

  private end(phase: Phase, text: string, signIn = false): void {
    this.why = text;
    if (!this.taken) this.id = '';
    const again = el('button', {type: 'button', class: 'first', click: () => {
      if (signIn) location.reload();
      else this.restart();
    }}, signIn ? T.signIn : this.taken ? T.takeBack : phase === 'refused' ? T.retry : T.again);
    const title = phase === 'refused' ? T.refused : T.closed;
    this.card = el('div', {class: 'card', role: 'alert'}, el('h2', {}, title), el('p', {class: 'why'}, cleanText(text) || T.ended),
      ...(this.code ? [el('p', {class: 'dim code'}, this.code)] : []), el('div', {class: 'row end'}, again));
    this.banner.hidden = true;
    this.pane.append(this.card);
    this.set(phase);
    if (!this.pane.inert) again.focus();
  }

  private restart(): void {
    this.card?.remove();
    this.card = null;
    this.code = this.why = this.exitText = '';
    if (!this.id) {
      this.fresh = true;
      this.pos = this.drawn = this.acked = this.quiet = 0;
      this.screen.term.reset();
    }
    this.connect();
    this.screen.term.focus();
  }

  private lost(opened: boolean): void {
    this.link = null;
    this.sftpEnd(T.filesLost);
    this.set('connecting');
    if (opened) {
      this.notice(T.lost);
      this.again();
      return;
    }
    void whyRefused(this.query()).then(r => {
      if (this.link) return;
      if (r.kind === 'sign-in') {
        this.end('closed', T.signedOut, true);
      } else if (r.kind === 'refused') {
        this.code = cleanLabel(r.code, 12);
        this.over(r.text);
      } else {
        if (this.tries > 2) this.notice(T.offline);
        this.again();
      }
    });
  }

  private again(): void {
    const ms = RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)] ?? 4_000;
    this.retryTimer = window.setTimeout(() => this.connect(), ms);
  }
}

/* Text of several lines from the edge: lines stay, nothing else that controls does. */
function cleanText(s: string): string {
  return s.split('\n').map(l => cleanLabel(l, 1_200)).join('\n');
}
