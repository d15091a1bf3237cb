// The page: shells in tabs, and what stands around them.
import type {Terminal} from '@xterm/xterm';
import {cleanLabel} from './clean';
import {ask, el} from './dom';
import {Files} from './files';
import type {Config} from './link';
import {FONT_MAX, FONT_MIN, readSettings, themeNow, writeSettings, type Settings} from './settings';
import {Shell} from './shell';
import {T} from './texts';
import {isTheme, themes} from './themes';

declare global {
  interface Window {
    terminal: Terminal;
  }
}
const KEPT = 'sallyport-shells';
const SHELLS_MAX = 16;
const BELL_MS = 150;

interface Kept {
  id: string;
  user: string;
  destination: string;
}
const isKept = (k: unknown): k is Kept => {
  const v = k as Kept | null;
  return typeof v?.id === 'string' && /^[0-9a-f]{32}$/.test(v.id) && typeof v.user === 'string' && typeof v.destination === 'string';
};

export class App {
  private settings: Settings = readSettings();
  private shells: Shell[] = [];
  private front: Shell | null = null;
  private tabs = el('div', {class: 'tabs', role: 'tablist', 'aria-label': T.shells, keydown: e => this.tabKey(e as KeyboardEvent)});
  private panes = el('main', {class: 'panes'});
  private spoken = el('p', {class: 'unseen', role: 'status', 'aria-live': 'polite'});
  private info = el('span', {class: 'info dim'});
  private found = el('span', {class: 'dim', role: 'status'});
  private query = el('input', {type: 'search', 'aria-label': T.findLabel, placeholder: T.findLabel, autocomplete: 'off', spellcheck: 'false'});
  private finder: HTMLElement;
  private files: Files;
  private bar: HTMLElement;
  private buttons: HTMLButtonElement[] = [];

  constructor(private root: HTMLElement, private config: Config) {
    this.files = new Files({
      start: () => this.front?.startSftp() ?? Promise.reject(new Error(T.filesNeedShell)),
      say: t => this.say(t),
      closed: () => this.front?.screen.term.focus(),
    });
    this.finder = this.makeFinder();
    this.bar = this.makeBar();
    root.append(this.bar, this.finder, el('div', {class: 'middle'}, this.panes, this.files.panel), this.spoken);
    this.wire();
    this.look();
    void this.begin();
  }

  private button(label: string, act: () => void, name = '', cls = ''): HTMLButtonElement {
    const b = el('button', {type: 'button', class: `tool ${cls}`, ...(name ? {'aria-label': name, title: name} : {}), click: act}, label);
    this.buttons.push(b);
    return b;
  }

  private makeBar(): HTMLElement {
    const theme = el('select', {'aria-label': T.theme, class: 'tool', change: () => {
      this.settings.theme = isTheme(theme.value) ? theme.value : 'auto';
      this.keep();
      this.front?.screen.term.focus();
    }}, ...([['auto', T.themeAuto], ['light', T.themeLight], ['dark', T.themeDark], ['contrast', T.themeContrast]] as const)
      .map(([v, t]) => el('option', {value: v, selected: this.settings.theme === v}, t)));
    return el('header', {class: 'bar'},
      el('h1', {class: 'app', title: this.config.app}, this.config.app),
      this.tabs,
      this.button('+', () => void this.another(), T.newShell),
      this.button('✕', () => void this.closeFront(), T.closeShell),
      this.info,
      el('div', {class: 'tools'},
        this.button(T.find, () => this.find(true)),
        this.button(T.files, () => void this.files.toggle()),
        this.button('A−', () => this.size(-1), T.smaller),
        this.button('A+', () => this.size(1), T.larger),
        theme,
        this.button('?', () => void this.help(), T.help)));
  }

  private makeFinder(): HTMLElement {
    const go = (back: boolean) => {
      const s = this.front?.screen.search, o = {incremental: false, decorations: {matchOverviewRuler: '#c08a00', activeMatchColorOverviewRuler: '#ff9d00',
        matchBackground: '#5c4a00', activeMatchBackground: '#a86b00'}};
      if (!this.query.value) return;
      if (back) s?.findPrevious(this.query.value, o);
      else s?.findNext(this.query.value, o);
    };
    return el('form', {class: 'finder row', role: 'search', hidden: true, submit: e => {
      e.preventDefault();
      go(false);
    }, keydown: e => {
      const k = e as KeyboardEvent;
      if (k.key === 'Escape') this.find(false);
      else if (k.key === 'Enter' && k.shiftKey) {
        k.preventDefault();
        go(true);
      }
    }}, this.query, el('button', {type: 'submit', class: 'tool'}, T.findNext),
      el('button', {type: 'button', class: 'tool', click: () => go(true)}, T.findPrevious), this.found,
      el('button', {type: 'button', class: 'tool', 'aria-label': T.close, click: () => this.find(false)}, '✕'));
  }

  private find(on: boolean): void {
    this.finder.hidden = !on;
    if (on) {
      this.query.focus();
      this.query.select();
    } else {
      this.front?.screen.search.clearDecorations();
      this.found.textContent = '';
      this.front?.screen.term.focus();
    }
  }

  private wire(): void {
    window.addEventListener('online', () => this.shells.forEach(s => s.wake()));
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.shells.forEach(s => s.wake()); });
    for (const q of ['(prefers-color-scheme: light)', '(prefers-contrast: more)'])
      matchMedia(q).addEventListener('change', () => this.look());
    this.root.addEventListener('dragover', e => {
      if (!e.dataTransfer?.types.includes('Files')) return;
      e.preventDefault();
      e.dataTransfer.dropEffect = 'copy';
      this.root.classList.add('drop');
    });
    this.root.addEventListener('dragleave', e => { if (!e.relatedTarget) this.root.classList.remove('drop'); });
    this.root.addEventListener('drop', e => {
      this.root.classList.remove('drop');
      if (!e.dataTransfer?.files.length) return;
      e.preventDefault();
      const files = [...e.dataTransfer.items].filter(i => i.kind === 'file');
      const folders = files.filter(i => i.webkitGetAsEntry()?.isDirectory).length;
      if (folders) this.front?.notice(T.notFolder);
      const list = files.filter(i => !i.webkitGetAsEntry()?.isDirectory).map(i => i.getAsFile()).filter(f => f !== null);
      void (this.files.open ? Promise.resolve() : this.files.toggle()).then(() => this.files.upload(list));
    });
    document.addEventListener('keydown', e => this.pageKey(e), true);
  }

  private async begin(): Promise<void> {
    let kept: Kept[] = [];
    try {
      const v: unknown = JSON.parse(sessionStorage.getItem(KEPT) ?? '[]');
      if (Array.isArray(v)) kept = v.filter(isKept);
    } catch { /* storage is off */ }
    for (const k of kept.slice(0, SHELLS_MAX)) this.add(k.user, k.destination, k.id);
    if (!this.shells.length) await this.another();
  }

  private async another(): Promise<void> {
    if (this.shells.length >= SHELLS_MAX) return;
    const [first = ''] = this.config.users;
    let user = '', destination = '';
    if (this.config.users.length > 1 || this.config.bastion) {
      const c = await this.choose(first);
      if (!c && this.shells.length) return;
      ({user, destination} = c ?? {user: first, destination: this.config.destination});
    }
    this.add(user, destination, '');
  }

  /* As whom, and where to. */
  private async choose(first: string): Promise<{user: string; destination: string} | null> {
    const user = el('select', {'aria-label': T.user}, ...this.config.users.slice(0, 64).map(u => el('option', {value: u, selected: u === first}, u)));
    const to = el('input', {type: 'text', 'aria-label': T.destination, value: this.config.destination, placeholder: T.destinationHint, spellcheck: 'false', autocomplete: 'off'});
    const body = [...(this.config.users.length > 1 ? [el('label', {class: 'field'}, T.user, user)] : []), ...(this.config.bastion ? [el('label', {class: 'field'}, T.destination, to)] : [])];
    const go = await ask(T.choose, body, [{label: T.cancel, value: false}, {label: T.connect, value: true, first: true}], false);
    return go ? {user: user.value, destination: this.config.bastion ? to.value.trim() : ''} : null;
  }

  private add(user: string, destination: string, id: string): void {
    const s = new Shell(this.settings, user, destination, id, {
      changed: x => this.changed(x),
      say: t => this.say(t),
      bell: x => this.bell(x),
      sftpLost: (c, why) => this.files.lost(c, why),
      open: url => void this.openLink(url),
    });
    this.panes.append(s.pane);
    this.shells.push(s);
    s.screen.term.attachCustomKeyEventHandler(e => this.key(e));
    s.screen.search.onDidChangeResults(r => {
      if (s === this.front) this.found.textContent = r.resultCount ? T.findCount(r.resultIndex + 1, r.resultCount) : T.findNone;
    });
    this.show(s);
  }

  private show(s: Shell): void {
    const other = this.front !== s;
    this.front = s;
    s.unseen = false;
    window.terminal = s.screen.term;
    for (const x of this.shells) {
      x.pane.classList.toggle('front', x === s);
      x.pane.inert = x !== s;
    }
    this.drawTabs();
    this.drawState();
    s.screen.term.options.theme = themes[themeNow(this.settings)];
    queueMicrotask(() => {
      s.fit();
      s.screen.term.focus();
    });
    if (other) this.files.reset();
  }

  private async closeFront(): Promise<void> {
    const s = this.front;
    if (!s) return;
    if (s.phase === 'ready' && !(await ask(T.closeShell, [el('p', {}, T.closeAsk)], [{label: T.cancel, value: false}, {label: T.closeShell, value: true, first: true}], false)))
      return;
    const i = this.shells.indexOf(s);
    this.shells.splice(i, 1);
    s.close();
    this.front = null;
    this.remember();
    const next = this.shells[Math.min(i, this.shells.length - 1)];
    if (next) this.show(next);
    else await this.another();
  }

  private step(by: number): void {
    if (!this.front) return;
    const n = this.shells.length, s = this.shells[(this.shells.indexOf(this.front) + by + n) % n];
    if (s) this.show(s);
  }

  private changed(s: Shell): void {
    this.remember();
    this.drawTabs();
    if (s === this.front) this.drawState();
  }

  private remember(): void {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(this.shells.filter(s => s.id).map(s => ({id: s.id, user: s.user, destination: s.destination}))));
    } catch { /* then a reload is a new shell */ }
  }

  private label(s: Shell): string {
    return s.title || s.user || this.config.users[0] || T.newShell;
  }

  private drawTabs(): void {
    const had = this.tabs.contains(document.activeElement);
    this.tabs.replaceChildren(...this.shells.map((s, i) => {
      const on = s === this.front;
      s.pane.id = `pane-${i}`;
      s.pane.setAttribute('aria-labelledby', `tab-${i}`);
      return el('button', {type: 'button', role: 'tab', id: `tab-${i}`, 'aria-selected': String(on), 'aria-controls': `pane-${i}`, tabindex: on ? '0' : '-1',
        class: s.unseen ? 'unread' : '', title: `${s.user}${s.host ? ` @ ${s.host}` : ''}`, click: () => this.show(s)}, `${i + 1}: ${this.label(s)}`);
    }));
    if (had) this.tabs.querySelector<HTMLElement>('[aria-selected=true]')?.focus();
  }

  private drawState(): void {
    const s = this.front;
    if (!s) return;
    const before = this.root.dataset['state'];
    this.root.dataset['state'] = s.phase;
    this.root.dataset['code'] = s.code;
    this.info.textContent = s.phase === 'connecting' ? T.connecting
      : s.phase === 'ready' ? [s.user, s.until ? T.until(clock(s.until)) : ''].filter(Boolean).join(' · ') : '';
    document.title = `${this.config.app}${s.title ? `: ${s.title}` : ''}`;
    if (before !== s.phase) this.say(s.phase === 'ready' ? `${s.user}` : s.phase === 'connecting' ? T.connecting : '');
  }

  private say(t: string): void {
    this.spoken.textContent = cleanLabel(t, 300);
  }

  private bell(s: Shell): void {
    if (s !== this.front) {
      s.unseen = true;
      this.drawTabs();
      return;
    }
    if (s.pane.classList.contains('bell')) return;
    s.pane.classList.add('bell');
    window.setTimeout(() => s.pane.classList.remove('bell'), BELL_MS);
  }

  private async openLink(url: string): Promise<void> {
    const go = await ask(T.openLink, [el('p', {class: 'address'}, url), el('p', {class: 'dim'}, T.openLinkText)],
      [{label: T.cancel, value: false}, {label: T.open, value: true, first: true}], false);
    if (go) window.open(url, '_blank', 'noopener,noreferrer');
  }

  private size(by: number): void {
    this.settings.fontSize = by ? Math.min(FONT_MAX, Math.max(FONT_MIN, this.settings.fontSize + by)) : 14;
    this.keep();
  }

  private keep(): void {
    writeSettings(this.settings);
    this.look();
  }

  private look(): void {
    const name = themeNow(this.settings);
    document.documentElement.dataset['theme'] = name;
    for (const s of this.shells) {
      const o = s.screen.term.options;
      o.theme = themes[name];
      o.fontSize = this.settings.fontSize;
      o.screenReaderMode = this.settings.screenReader;
      s.fit();
    }
  }

  private async help(): Promise<void> {
    const check = (label: string, key: 'screenReader' | 'bell') => {
      const c = el('input', {type: 'checkbox', checked: this.settings[key], change: () => {
        this.settings[key] = c.checked;
        this.keep();
      }});
      return el('label', {class: 'check'}, c, label);
    };
    await ask(T.helpTitle, [el('dl', {class: 'keys'}, ...T.keys.flatMap(([k, t]) => [el('dt', {}, k), el('dd', {}, t)])),
      check(T.screenReader, 'screenReader'), check(T.bellSetting, 'bell'), el('p', {}, T.fromShell), el('pre', {class: 'preview'}, `sallyport access ssh-config --hostname ${location.host} --short-lived-cert --write`),
      el('p', {class: 'dim'}, `${this.config.email} · ${this.config.app}`)],
      [{label: T.close, value: null, first: true}], null);
    this.front?.screen.term.focus();
  }

  private tabKey(e: KeyboardEvent): void {
    if (e.key !== 'ArrowLeft' && e.key !== 'ArrowRight') return;
    e.preventDefault();
    this.step(e.key === 'ArrowLeft' ? -1 : 1);
    queueMicrotask(() => this.tabs.querySelector<HTMLElement>('[aria-selected=true]')?.focus());
  }

  /* Keys of the page, wherever the focus is. */
  private pageKey(e: KeyboardEvent): void {
    if (document.querySelector('dialog[open]')) return;
    const act = this.shortcut(e);
    if (act) {
      e.preventDefault();
      e.stopPropagation();
      act();
    } else if (e.key === 'Escape' && this.bar.contains(document.activeElement)) {
      this.front?.screen.term.focus();
    }
  }

  private shortcut(e: KeyboardEvent): (() => void) | null {
    if (e.ctrlKey && e.shiftKey && !e.altKey) {
      if (e.code === 'KeyF') return () => this.find(true);
      if (e.code === 'KeyX') return () => this.tabs.querySelector<HTMLElement>('[aria-selected=true]')?.focus();
    }
    if (e.ctrlKey && e.altKey && !e.shiftKey) {
      if (e.code === 'KeyT') return () => void this.another();
      if (e.key === 'PageUp') return () => this.step(-1);
      if (e.key === 'PageDown') return () => this.step(1);
      if (e.key === '+' || e.code === 'Equal') return () => this.size(1);
      if (e.key === '-') return () => this.size(-1);
      if (e.key === '0') return () => this.size(0);
    }
    return null;
  }

  /* Keys that the screen would send to the shell: false = the browser's own. */
  private key(e: KeyboardEvent): boolean {
    if (e.type !== 'keydown') return true;
    const insert = e.key === 'Insert';
    if ((e.ctrlKey && e.shiftKey && e.code === 'KeyC') || (e.ctrlKey && !e.shiftKey && insert) || (e.metaKey && e.code === 'KeyC')) {
      const t = this.front?.screen.term.getSelection();
      if (!t && !e.ctrlKey) return true;
      e.preventDefault();
      if (t) navigator.clipboard.writeText(t).catch(() => document.execCommand('copy'));
      return false;
    }
    // the browser pastes by itself then, which asks for no permission
    return !((e.ctrlKey && e.shiftKey && e.code === 'KeyV') || (e.shiftKey && insert) || (e.metaKey && e.code === 'KeyV'));
  }
}

function clock(until: number): string {
  const d = new Date(until * 1000), same = d.toDateString() === new Date().toDateString();
  return d.toLocaleString(undefined, same ? {hour: '2-digit', minute: '2-digit'} : {weekday: 'short', hour: '2-digit', minute: '2-digit'});
}
