// Colours of the screen. Each pair of text and background has a contrast of 4.5 or more; xterm raises what programs choose to that.
import type {ITheme} from '@xterm/xterm';

export type ThemeName = 'light' | 'dark' | 'contrast';

export const themes: Record<ThemeName, ITheme> = {
  dark: {
    background: '#14171c', foreground: '#e3e6ea', cursor: '#e3e6ea', cursorAccent: '#14171c',
    selectionBackground: '#3d5a80', selectionForeground: '#ffffff',
    black: '#2b3038', red: '#f07178', green: '#9bcf7c', yellow: '#e6c07b', blue: '#75b0ff', magenta: '#d7a0f2', cyan: '#6fd3d8',
    white: '#d5d9df', brightBlack: '#8b95a3', brightRed: '#ff9299', brightGreen: '#b6e59a', brightYellow: '#ffd896',
    brightBlue: '#9cc8ff', brightMagenta: '#e8bfff', brightCyan: '#95e9ed', brightWhite: '#ffffff',
  },
  light: {
    background: '#ffffff', foreground: '#1c2024', cursor: '#1c2024', cursorAccent: '#ffffff',
    selectionBackground: '#b3d4fc', selectionForeground: '#000000',
    black: '#1c2024', red: '#b3261e', green: '#1f6f37', yellow: '#7a5600', blue: '#0a55b8', magenta: '#8a2a9b', cyan: '#0b6a75',
    white: '#5b6470', brightBlack: '#59626e', brightRed: '#b3261e', brightGreen: '#1f6f37', brightYellow: '#7a5600',
    brightBlue: '#0a55b8', brightMagenta: '#8a2a9b', brightCyan: '#0b6a75', brightWhite: '#1c2024',
  },
  contrast: {
    background: '#000000', foreground: '#ffffff', cursor: '#ffff00', cursorAccent: '#000000',
    selectionBackground: '#ffff00', selectionForeground: '#000000',
    black: '#000000', red: '#ff8080', green: '#80ff80', yellow: '#ffff00', blue: '#a0c8ff', magenta: '#ff9cff', cyan: '#80ffff',
    white: '#ffffff', brightBlack: '#c0c0c0', brightRed: '#ffa0a0', brightGreen: '#a0ffa0', brightYellow: '#ffff80',
    brightBlue: '#c0dcff', brightMagenta: '#ffc0ff', brightCyan: '#c0ffff', brightWhite: '#ffffff',
  },
};

export function isTheme(s: unknown): s is ThemeName {
  return typeof s === 'string' && Object.hasOwn(themes, s);
}
