// What comes from a host or a clipboard, made harmless for the place it goes to.

// Control characters, and those that turn the direction of text or cannot be seen: a name must not look like another.
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb]/gu;

export function cleanLabel(s: string, max = 80): string {
  const t = Array.from(s.replace(CONTROLS, ' ').replace(/ +/g, ' ').trim());
  return t.length > max ? t.slice(0, max - 1).join('') + '…' : t.join('');
}

/* Pasted text: its line ends as a keyboard gives them, no other control character. ESC could end bracketed paste. */
export function cleanPaste(s: string): {text: string; lines: number; dropped: boolean} {
  const unix = s.replace(/\r\n?/g, '\n');
  const text = unix.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/gu, '');
  const body = text.endsWith('\n') ? text.slice(0, -1) : text;
  return {text, lines: text.includes('\n') ? body.split('\n').length : 0, dropped: text !== unix};
}

/* A file's name as the host wrote it, for the download folder. */
export function cleanFileName(s: string): string {
  const t = cleanLabel(s.replace(/[\\/:*?"<>|]/g, '_'), 200).replace(/^[. ]+|[. ]+$/g, '');
  return t || 'download';
}

export function bytes(n: number): string {
  if (n < 1000) return `${n} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let i = -1;
  do {
    n /= 1000;
    i++;
  } while (n >= 999.5 && i < units.length - 1);
  return `${n < 10 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}
