// Elements, without HTML in strings: text from outside is only ever text.
type Attrs = Record<string, string | boolean | ((e: Event) => void)>;

export function el<K extends keyof HTMLElementTagNameMap>(tag: K, attrs: Attrs = {}, ...children: (Node | string)[]): HTMLElementTagNameMap[K] {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attrs)) {
    if (typeof v === 'function') e.addEventListener(k, v);
    else if (v === true) e.setAttribute(k, '');
    else if (v !== false) e.setAttribute(k, v);
  }
  e.append(...children);
  return e;
}

export interface Choice<V> {
  label: string;
  value: V;
  first?: boolean;
}

/* Asks; the answer is one choice's value, or `none` when it was escaped from. */
export function ask<V>(title: string, body: (Node | string)[], choices: Choice<V>[], none: V): Promise<V> {
  return new Promise(resolve => {
    const id = `d${Date.now().toString(36)}`;
    let answer = none;
    const buttons = choices.map(c => el('button', {type: 'button', class: c.first ? 'first' : '', click: () => {
      answer = c.value;
      d.close();
    }}, c.label));
    const d = el('dialog', {'aria-labelledby': id}, el('h2', {id}, title), ...body, el('div', {class: 'row end'}, ...buttons));
    const before = document.activeElement;
    d.addEventListener('close', () => {
      d.remove();
      if (before instanceof HTMLElement) before.focus();
      resolve(answer);
    });
    document.body.append(d);
    d.showModal();
    (buttons[choices.findIndex(c => c.first)] ?? buttons[0])?.focus();
  });
}
