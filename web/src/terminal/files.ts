// The folder of the host beside the shell: look, download, upload. Bounded in what it keeps; each transfer shows its progress and can be stopped.
import {bytes, cleanFileName, cleanLabel} from './clean';
import {ask, el} from './dom';
import {OPEN_CREAT, OPEN_EXCL, OPEN_TRUNC, OPEN_WRITE, Sftp, SftpError, type Entry} from './sftp';
import {T} from './texts';

const SHOWN = 1_000;
const FILE_MAX = 2_000_000_000; // a download is collected in this browser before it is saved
const TRANSFERS_MAX = 100;

export interface FilesOps {
  start(): Promise<Sftp>; // a channel of the shell in front
  say(text: string): void;
  closed(): void;
}

const join = (dir: string, name: string): string => (dir.endsWith('/') ? dir + name : `${dir}/${name}`);

export class Files {
  readonly panel: HTMLElement;
  private sftp: Sftp | null = null;
  private starting: Promise<Sftp> | null = null;
  private shown = 0; // of several looks under way the last one counts
  private dir = '.';
  private path = el('input', {type: 'text', 'aria-label': T.filesPath, spellcheck: 'false', autocomplete: 'off', autocapitalize: 'off'});
  private status = el('p', {class: 'dim', role: 'status'});
  private rows = el('tbody');
  private table: HTMLElement;
  private transfers = el('ul', {class: 'transfers', 'aria-label': T.transfers});
  private picker: HTMLInputElement;
  private queue: Promise<unknown> = Promise.resolve();

  constructor(private ops: FilesOps) {
    this.picker = el('input', {type: 'file', multiple: true, hidden: true, 'aria-label': T.filesUpload, id: 'upload', change: () => {
      this.upload([...(this.picker.files ?? [])]);
      this.picker.value = '';
    }});
    this.table = el('table', {}, el('thead', {}, el('tr', {}, el('th', {scope: 'col'}, T.filesName), el('th', {scope: 'col', class: 'n'}, T.filesSize),
      el('th', {scope: 'col', class: 'n'}, T.filesChanged))), this.rows);
    const go = el('form', {class: 'row', submit: e => {
      e.preventDefault();
      void this.show(this.path.value || '.');
    }}, el('button', {type: 'button', click: () => void this.show(join(this.dir, '..'))}, T.filesUp), this.path, el('button', {type: 'submit'}, T.filesGo));
    this.panel = el('aside', {class: 'files', 'aria-label': T.filesTitle, hidden: true},
      el('div', {class: 'row'}, el('h2', {}, T.filesTitle), el('button', {type: 'button', class: 'quiet', 'aria-label': T.close, click: () => this.hide()}, '✕')),
      go, el('div', {class: 'row'}, el('button', {type: 'button', class: 'first', click: () => this.picker.click()}, T.filesUpload), this.picker),
      el('p', {class: 'dim'}, T.filesHint), this.status, this.transfers, el('div', {class: 'list', tabindex: '0', role: 'region', 'aria-label': T.filesTitle}, this.table));
  }

  get open(): boolean {
    return !this.panel.hidden;
  }

  async toggle(): Promise<void> {
    if (this.open) {
      this.hide();
      return;
    }
    this.panel.hidden = false;
    this.path.focus();
    await this.show(this.dir);
  }

  hide(): void {
    this.panel.hidden = true;
    this.ops.closed();
  }

  /* Another shell is in front, or this one's channel ended. */
  reset(): void {
    this.sftp = this.starting = null;
    this.dir = '.';
    this.rows.replaceChildren();
    if (this.open) void this.show('.');
  }

  lost(s: Sftp, why: string): void {
    s.end(why || T.filesLost);
    if (this.sftp === s) this.sftp = null;
  }

  private channel(): Promise<Sftp> {
    if (this.sftp) return Promise.resolve(this.sftp);
    if (!this.starting) {
      const mine: Promise<Sftp> = this.ops.start().then(s => {
        if (this.starting === mine) this.sftp = s;
        return s;
      }).finally(() => { if (this.starting === mine) this.starting = null; });
      this.starting = mine;
    }
    return this.starting;
  }

  private fail(e: unknown): void {
    this.status.textContent = e instanceof Error ? cleanLabel(`${T.filesOff}: ${e.message}`, 300) : T.filesOff;
  }

  private async show(path: string): Promise<void> {
    const mine = ++this.shown, typed = this.path.value;
    this.status.textContent = T.connecting;
    try {
      const s = await this.channel(), dir = await s.realpath(path), {entries, cut} = await s.list(dir);
      if (mine !== this.shown) return;
      entries.sort((a, b) => Number(b.folder) - Number(a.folder) || (a.name < b.name ? -1 : 1));
      this.dir = dir;
      if (this.path.value === typed) this.path.value = dir;
      this.rows.replaceChildren(...entries.slice(0, SHOWN).map(e => this.row(e)));
      this.status.textContent = cut || entries.length > SHOWN ? T.filesMore(SHOWN) : entries.length ? '' : T.filesEmpty;
    } catch (e) {
      if (mine === this.shown) this.fail(e);
    }
  }

  private row(e: Entry): HTMLElement {
    const name = cleanLabel(e.name, 120);
    const act = e.folder ? el('button', {type: 'button', class: 'name folder', click: () => void this.show(join(this.dir, e.name))}, `${name}/`)
      : el('button', {type: 'button', class: 'name', 'aria-label': `${T.filesDownload} ${name}`, click: () => void this.download(e)}, name);
    const when = e.mtime ? new Date(e.mtime * 1000).toISOString().slice(0, 16).replace('T', ' ') : '';
    return el('tr', {}, el('td', {}, act), el('td', {class: 'n'}, e.folder ? '' : bytes(e.size)), el('td', {class: 'n'}, when));
  }

  /* One line of progress with a way to stop it. */
  private transfer(title: string, total: number, run: (done: (n: number) => void, stopped: () => boolean) => Promise<string>): Promise<void> {
    let stopped = false, told = 0;
    const bar = el('progress', {max: String(total || 1), value: '0', 'aria-label': title});
    const said = el('span', {class: 'dim'}, bytes(total));
    const stop = el('button', {type: 'button', class: 'quiet', 'aria-label': `${T.stop}: ${title}`, click: () => { stopped = true; }}, '✕');
    const line = el('li', {}, el('span', {class: 'title'}, title), said, stop, bar);
    this.transfers.prepend(line);
    while (this.transfers.childElementCount > TRANSFERS_MAX) this.transfers.lastElementChild?.remove();
    const done = (n: number) => {
      if (n !== total && performance.now() - told < 100) return;
      told = performance.now();
      bar.value = total ? n : 1;
      said.textContent = `${bytes(n)} / ${bytes(total)}`;
    };
    const end = (how: string, bad: boolean) => {
      line.classList.add(bad ? 'bad' : 'done');
      said.textContent = how;
      stop.remove();
      bar.remove();
      this.ops.say(`${title}: ${how}`);
    };
    const go = async () => {
      try {
        const how = await run(done, () => stopped);
        end(stopped ? T.transferStopped : how, stopped);
      } catch (e) {
        end(e instanceof Error ? cleanLabel(e.message, 200) : T.transferStopped, true);
      }
    };
    const p = this.queue.then(go);
    this.queue = p;
    return p;
  }

  private download(e: Entry): Promise<void> {
    const name = cleanFileName(e.name), from = join(this.dir, e.name);
    return this.transfer(T.downloading(name), e.size, async (done, stopped) => {
      const s = await this.channel(), parts: BlobPart[] = [];
      let n = 0;
      if (e.size > FILE_MAX) throw new Error(T.tooLarge(bytes(FILE_MAX)));
      await s.read(from, b => {
        n += b.length;
        if (n > FILE_MAX) throw new Error(T.tooLarge(bytes(FILE_MAX)));
        parts.push(b as Uint8Array<ArrayBuffer>);
        done(n);
      }, stopped);
      if (stopped()) return T.transferStopped;
      const url = URL.createObjectURL(new Blob(parts, {type: 'application/octet-stream'}));
      el('a', {href: url, download: name}).click();
      window.setTimeout(() => URL.revokeObjectURL(url), 60_000);
      return `${bytes(n)}, ${T.transferDone}`;
    });
  }

  /* Files that were picked or dropped; what is no plain file cannot be read and says so. */
  upload(files: File[]): void {
    for (const f of files.slice(0, TRANSFERS_MAX)) {
      const to = join(this.dir, f.name.replace(/[/\u0000]/g, '_'));
      void this.transfer(T.uploading(cleanLabel(f.name, 120)), f.size, async (done, stopped) => {
        const s = await this.channel(), h = await this.create(s, to, f.name);
        if (!h) return T.transferStopped;
        try {
          await s.write(h, f, done, stopped);
        } finally {
          await s.close(h).catch(() => undefined);
        }
        if (stopped()) await s.remove(to);
        return `${bytes(f.size)}, ${T.transferDone}`;
      }).then(() => (this.open ? this.show(this.dir) : undefined));
    }
  }

  private async create(s: Sftp, to: string, name: string): Promise<Uint8Array | null> {
    try {
      return await s.open(to, OPEN_WRITE | OPEN_CREAT | OPEN_EXCL);
    } catch (e) {
      const there = await s.stat(to).catch(() => null);
      if (!there || !(e instanceof SftpError)) throw e;
      const go = await ask(T.overwrite(cleanLabel(name)), [], [{label: T.cancel, value: false}, {label: T.replace, value: true, first: true}], false);
      return go ? s.open(to, OPEN_WRITE | OPEN_CREAT | OPEN_TRUNC) : null;
    }
  }
}
