// The browser terminal: https://<app host>/ of an application of type ssh.
import '@xterm/xterm/css/xterm.css';
import './terminal.css';
import {App} from './app';
import {el} from './dom';
import {describe} from './link';
import {readSettings, themeNow} from './settings';
import {T} from './texts';

const RETRY_MS = 2_000;

function card(root: HTMLElement, title: string, text: string, code: string, label: string, act: () => void): void {
  root.replaceChildren(el('main', {class: 'panes'}, el('div', {class: 'card', role: 'alert'}, el('h1', {}, title), el('p', {class: 'why'}, text),
    ...(code ? [el('p', {class: 'dim code'}, code)] : []), el('div', {class: 'row end'}, el('button', {type: 'button', class: 'first', click: act}, label)))));
}

async function begin(root: HTMLElement): Promise<void> {
  root.dataset['state'] = 'connecting';
  for (;;) {
    const d = await describe();
    if ('config' in d) {
      root.replaceChildren();
      new App(root, d.config);
      return;
    }
    if (d.kind === 'retry') {
      root.replaceChildren(el('main', {class: 'panes'}, el('p', {class: 'wait', role: 'status'}, T.offline)));
      await new Promise(r => setTimeout(r, RETRY_MS));
      continue;
    }
    root.dataset['state'] = 'refused';
    root.dataset['code'] = d.kind === 'refused' ? d.code : '';
    if (d.kind === 'sign-in') card(root, T.refused, T.signedOut, '', T.signIn, () => location.reload());
    else card(root, T.refused, d.text, d.code, T.retry, () => location.reload());
    return;
  }
}

const root = document.getElementById('terminal');
document.documentElement.dataset['theme'] = themeNow(readSettings());
if (root) void begin(root);
