// What a person chose, kept in this browser only. What is kept is checked when it is read: it may be anything.
import {isTheme, type ThemeName} from './themes';

export interface Settings {
  theme: ThemeName | 'auto';
  fontSize: number;
  screenReader: boolean;
  bell: boolean;
}
export const FONT_MIN = 8;
export const FONT_MAX = 32;
const KEY = 'sallyport-terminal';

export function readSettings(): Settings {
  let kept: Partial<Record<keyof Settings, unknown>> = {};
  try {
    const v: unknown = JSON.parse(localStorage.getItem(KEY) ?? '{}');
    if (v && typeof v === 'object') kept = v;
  } catch { /* storage is off, or holds something else */ }
  const size = Number(kept.fontSize);
  return {
    theme: isTheme(kept.theme) ? kept.theme : 'auto',
    fontSize: Number.isInteger(size) && size >= FONT_MIN && size <= FONT_MAX ? size : 14,
    screenReader: kept.screenReader === true,
    bell: kept.bell !== false,
  };
}

export function writeSettings(s: Settings): void {
  try {
    localStorage.setItem(KEY, JSON.stringify(s));
  } catch { /* then it lasts as long as the page */ }
}

export function themeNow(s: Settings): ThemeName {
  if (s.theme !== 'auto') return s.theme;
  if (matchMedia('(prefers-contrast: more)').matches) return 'contrast';
  return matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark';
}
