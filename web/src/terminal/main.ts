import '@xterm/xterm/css/xterm.css';
import './terminal.css';
import type {Terminal} from '@xterm/xterm';
import {makeScreen} from './screen';
import {readSettings} from './settings';

declare global {
  interface Window {
    terminal: Terminal;
  }
}

const root = document.getElementById('terminal');
if (root) {
  const s = makeScreen(readSettings(), url => window.open(url, '_blank', 'noopener,noreferrer'));
  root.dataset['state'] = 'connecting';
  s.term.open(root);
  s.fit.fit();
  window.terminal = s.term;
}
