// Text on its way from the clipboard to a shell: cleaned, and shown first when it has more than a line.
import {cleanPaste} from './clean';
import {ask, el} from './dom';
import {T} from './texts';

export const PASTE_MAX = 1_000_000;
const SHOWN = 2_000;

/* What is to be typed, or null. A single line without an end is never asked about. */
export async function guardPaste(raw: string, notice: (t: string) => void): Promise<string | null> {
  if (raw.length > PASTE_MAX) {
    notice(T.pasteCut);
    return null;
  }
  const p = cleanPaste(raw);
  if (p.dropped) notice(T.controls);
  if (!p.lines) return p.text;
  const shown = el('pre', {class: 'preview', tabindex: '0', 'aria-label': T.pasteText}, p.text.slice(0, SHOWN));
  const more = p.text.length > SHOWN ? [el('p', {class: 'dim'}, T.pasteMore(p.text.length - SHOWN))] : [];
  const how = await ask<'go' | 'one' | 'no'>(T.paste(p.lines), [el('p', {}, T.pasteText), shown, ...more], [
    {label: T.cancel, value: 'no'}, {label: T.pasteOne, value: 'one'}, {label: T.pasteGo, value: 'go', first: true}], 'no');
  if (how === 'no') return null;
  return how === 'go' ? p.text : p.text.replace(/\n+/g, ' ').trimEnd();
}
