import {start, signIn, go, client, edge, equal, assert} from './lib.mjs';

const app = edge.app('ssh.localhost'), why = edge.app('why.localhost');
const b = await start({hosts: ['ssh.localhost', 'why.localhost']});
const origin = p => new URL(p.url()).origin;

// --- JavaScript off
{
  const c = await b.context({script: false});
  const p = await c.page();
  await p.goto(why);
  await signIn(p);
  await p.fill('input[name=purpose]', 'no script needed');
  await go(p, () => p.click('button[type=submit]'));
  equal(origin(p), why, 'the application, without script');
  const waiting = client('access', 'login', app, '--no-browser');
  await p.goto(await waiting.url);
  const code = await p.textContent('.big');
  await go(p, () => p.click('button[type=submit]'));
  const {code: status, err} = await waiting.done;
  equal(status, 0, 'the client is let in');
  assert(err.includes(code), `the client showed the code ${code}: ${err}`);
  await p.goto(edge.team);
  equal(await p.locator('.apps li').count(), 2, 'the launcher');
  await go(p, () => p.click('text=Sign out'));
  await go(p, () => p.click('a.button:has-text("Sign out")'));
  equal(await p.textContent('h1'), 'Signed out', 'signed out');
  await p.goto(why);
  assert(await p.locator('input[name=password]').count() === 1, 'and out it is');
  await c.close();
}

// --- nothing but a keyboard
{
  const c = await b.context();
  const p = await c.page();
  /* Goes on by Tab until the element is reached; each stop must be visible as such. */
  const reach = async selector => {
    for (let i = 0; i < 15; i++) {
      const at = await p.evaluate(s => {
        const e = document.activeElement, o = getComputedStyle(e);
        return {there: e.matches(s), seen: e === document.body || (o.outlineStyle !== 'none' && parseFloat(o.outlineWidth) >= 2), what: e.outerHTML.slice(0, 100)};
      }, selector);
      assert(at.seen, `the keyboard cannot be seen on ${at.what}`);
      if (at.there) return;
      await p.keyboard.press('Tab');
    }
    throw new Error(`${selector} cannot be reached by keyboard on ${p.url()}`);
  };
  const enter = () => go(p, () => p.keyboard.press('Enter'));
  await p.goto(why);
  await reach('input[name=email]'); // the field has the keyboard as the page opens
  await p.keyboard.type(edge.email);
  await reach('input[name=password]');
  await p.keyboard.type('wrong');
  await enter();
  await reach('input[name=password]');
  await p.keyboard.type(edge.password);
  await reach('button[type=submit]');
  await enter();
  await reach('input[name=purpose]');
  await p.keyboard.type('by keyboard');
  await enter();
  equal(origin(p), why, 'the application, by keyboard');
  await p.goto(edge.team);
  await reach('.apps a');
  await reach('.apps li + li a');
  await enter();
  assert([app, why].includes(origin(p)), 'an application from the launcher');
  const waiting = client('access', 'login', app, '--no-browser');
  await p.goto(await waiting.url);
  await reach('button[type=submit]');
  await enter();
  equal((await waiting.done).code, 0, 'a client, by keyboard');
  await p.goto(`${edge.team}/cdn-cgi/access/logout`);
  await reach('a.button');
  await enter();
  equal(await p.textContent('h1'), 'Signed out', 'signed out by keyboard');
  await c.close();
}
await b.end();
