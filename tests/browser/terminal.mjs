// What the tests of the browser terminal share, on top of lib.mjs.
import {edge, signIn, assert} from './lib.mjs';

export const state = p => p.evaluate(() => document.getElementById('terminal')?.dataset.state);
export async function stateIs(p, want, ms = 20000) {
  await p.waitForFunction(w => document.getElementById('terminal')?.dataset.state === w, want, {timeout: ms}).catch(async () => {
    throw new Error(`data-state: found ${await state(p)}, expected ${want}; ${await p.evaluate(() => document.body.innerText.slice(0, 600))}`);
  });
}
/* What stands on the screen and above it: one line a row, without trailing blanks. */
export const screenText = p => p.evaluate(() => {
  const b = window.terminal.buffer.active, out = [];
  for (let i = 0; i < b.length; i++) out.push(b.getLine(i)?.translateToString(true) ?? '');
  return out.join('\n').replace(/\n+$/, '');
});
export async function sees(p, re, ms = 20000) {
  await p.waitForFunction(([s, f]) => {
    const b = window.terminal?.buffer.active;
    if (!b) return false;
    let t = '';
    for (let i = Math.max(0, b.length - 400); i < b.length; i++) {
      const l = b.getLine(i);
      t += (l?.isWrapped ? '' : '\n') + (l?.translateToString(true) ?? '');
    }
    return new RegExp(s, f).test(t);
  }, [re.source, re.flags], {timeout: ms, polling: 50}).catch(async e => {
    throw new Error(`the screen never showed ${re} (${e.message.split('\n')[0]}); it shows:\n${(await screenText(p).catch(() => 'nothing')).slice(-1500)}`);
  });
}
export const type = (p, text) => p.keyboard.type(text);
export async function run(p, command, re, ms) {
  await type(p, `${command}\n`);
  await sees(p, re, ms);
}
/* Opens the application, signs in, and waits for a shell that answers. */
export async function shell(c, host, {email, password, path = '/'} = {}) {
  const p = await c.page();
  await p.goto(`${edge.app(host)}${path}`);
  await signIn(p, email, password);
  await stateIs(p, 'ready');
  await quiet(p);
  return p;
}
/* A prompt that is ours and no echo: then what is seen is what the shell wrote. */
export async function quiet(p) {
  await run(p, "PS1='ready> '; stty -echo; unset PROMPT_COMMAND; printf '%s-%s\\n' up $((40 + 2))", /^up-42$/m);
  assert(true, '');
}
