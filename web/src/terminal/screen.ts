// One screen: xterm.js with the options that hold for every shell. What a host may do to it is decided here.
import {Terminal, type ILink} from '@xterm/xterm';
import {FitAddon} from '@xterm/addon-fit';
import {SearchAddon} from '@xterm/addon-search';
import {Unicode11Addon} from '@xterm/addon-unicode11';
import {WebLinksAddon} from '@xterm/addon-web-links';
import {themeNow, type Settings} from './settings';
import {themes} from './themes';

export const SCROLLBACK = 10_000;

export interface Screen {
  term: Terminal;
  fit: FitAddon;
  search: SearchAddon;
}

export type OpenLink = (url: string) => void;

/* The address that a link leads to, or null: only http and https, and no name or password in it. */
export function linkTarget(text: string): string | null {
  if (text.length > 2048) return null;
  try {
    const u = new URL(text);
    if ((u.protocol !== 'https:' && u.protocol !== 'http:') || u.username || u.password) return null;
    return u.href;
  } catch {
    return null;
  }
}

export function makeScreen(s: Settings, open: OpenLink): Screen {
  const go = (_e: MouseEvent, text: string) => {
    const url = linkTarget(text);
    if (url) open(url);
  };
  const term = new Terminal({
    allowProposedApi: true, // unicode versions
    scrollback: SCROLLBACK,
    fontSize: s.fontSize,
    fontFamily: 'ui-monospace, "DejaVu Sans Mono", "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace',
    theme: themes[themeNow(s)],
    minimumContrastRatio: 4.5,
    cursorBlink: false,
    screenReaderMode: s.screenReader,
    macOptionIsMeta: true,
    rightClickSelectsWord: false,
    windowOptions: {}, // no report of title, position or size; nothing that moves the window
    linkHandler: {activate: go, allowNonHttpProtocols: false} satisfies Pick<ILink, 'activate'> & {allowNonHttpProtocols: boolean},
  });
  const fit = new FitAddon();
  const search = new SearchAddon();
  term.loadAddon(fit);
  term.loadAddon(search);
  term.loadAddon(new WebLinksAddon(go));
  term.loadAddon(new Unicode11Addon());
  term.unicode.activeVersion = '11';
  term.parser.registerOscHandler(52, () => true); // a host does not write the clipboard
  return {term, fit, search};
}
