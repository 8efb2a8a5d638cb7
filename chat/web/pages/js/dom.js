/**
 * What all parts of the page have in common: elements that draw themselves, lists, dialogs, menus, and what is said.
 * @module
 */
import { el, icon, iconButton, iconLink } from './elements.js';
import { t } from './texts.js';

export { el, icon, iconButton, iconLink };

const PAUSE = 250;  // milliseconds behind a key

/** A button with words, and a picture before them if there is a `symbol`. */
export function button(label, onclick, { symbol, ...properties } = {}) {
  return el('button', { type: 'button', onclick, ...properties }, symbol && icon(symbol), label);
}

/** The base of all custom elements here: what it listens to ends when it leaves the page, and it draws once a frame. */
export class Part extends HTMLElement {
  connectedCallback() {
    this.ending = new AbortController();
    this.connected();
  }

  disconnectedCallback() {
    this.ending.abort();
    this.disconnected();
  }

  /** To be overridden: the element is in the page, or no longer. */
  connected() {}
  disconnected() {}

  /** Calls `listener` on each of the events (names with spaces between) until this element leaves the page. */
  listen(target, names, listener) {
    for (const name of names.split(' ')) target.addEventListener(name, listener, { signal: this.ending.signal });
  }

  /** Calls the action once it has not been asked for it for a moment: after the last of some keys. */
  soon(action) { clearTimeout(this.waiting); this.waiting = setTimeout(action, PAUSE); }

  /** Has `render` called before the next frame. */
  schedule() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      if (this.isConnected) this.render();
    });
  }
}

/**
 * Makes the children of `parent` those of `items`, and keeps the elements of those that look the same as before: `keyOf` and
 * `looksOf` give strings, `make` an element. An element that had the focus has it afterwards.
 */
export function reconcile(parent, items, { keyOf, looksOf, make }) {
  const kept = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  const focused = parent.contains(document.activeElement) && document.activeElement.closest('[data-key]')?.dataset.key;
  let next = parent.firstChild;
  for (const item of items) {
    const key = String(keyOf(item)), looks = looksOf(item);
    let child = kept.get(key);
    kept.delete(key);
    if (child?.looks !== looks) {
      const made = make(item);
      made.dataset.key = key;
      made.looks = looks;
      if (child === next) next = next?.nextSibling ?? null;
      child?.remove();
      child = made;
    }
    if (child === next) next = next.nextSibling;
    else parent.insertBefore(child, next);
  }
  kept.forEach((child) => child.remove());
  if (focused && !parent.contains(document.activeElement)) {
    const child = [...parent.children].find((one) => one.dataset.key === focused);
    (child?.matches('a, button, [tabindex]') ? child : child?.querySelector('a, button'))?.focus();
  }
}

/** Returns what gives the focus back to where it is now; or, if that was drawn anew meanwhile, to what stands in its place. */
export function rememberFocus() {
  const source = document.activeElement, item = source?.closest('[data-key]'), holder = item?.parentElement;
  const inPlace = () => [...holder?.children ?? []].find((one) => one.dataset.key === item.dataset.key);
  return () => (source?.isConnected ? source : inPlace())?.focus();
}

/** A modal dialog with a title, which gives the focus back when it closes. Returns it. */
export function openDialog(title, ...content) {
  const heading = el('h2', { id: `dialog-${Date.now()}` }, title), giveBack = rememberFocus();
  const closed = () => { dialog.remove(); if (document.activeElement === document.body) giveBack(); };
  const dialog = el('dialog.dialog', { 'aria-labelledby': heading.id, onclose: closed },
    el('header', {}, heading, iconButton('close', t('action.close'), () => dialog.close())), ...content);
  dialog.addEventListener('click', (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Asks before something that can't be undone: resolves to whether it was confirmed. */
export function confirmed(title, text, action) {
  return new Promise((resolve) => {
    const dialog = openDialog(title, el('p', {}, text), el('div.buttons', {},
      button(t('action.cancel'), () => dialog.close()), button(action, () => dialog.close('yes'), { class: 'danger' })));
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'));
  });
}

/** Shows an element in a popover beside `opener`, inside the window; it closes by Escape and by a click elsewhere. */
export function openPopover(opener, label, content) {
  const popover = el('div.popover', { popover: 'auto', role: 'dialog', ariaLabel: label }, content);
  const giveBack = rememberFocus();
  // At once: what is chosen in it may open a dialog, which remembers where the focus is.
  popover.addEventListener('beforetoggle', (event) => {
    if (event.newState === 'closed' && (popover.contains(document.activeElement) || document.activeElement === document.body)) giveBack();
  });
  popover.addEventListener('toggle', (event) => event.newState === 'closed' && popover.remove());
  (opener.closest('dialog') ?? document.body).append(popover);
  popover.showPopover();
  const place = () => {
    const around = opener.getBoundingClientRect(), own = popover.getBoundingClientRect();
    const top = around.bottom + own.height + 8 < innerHeight ? around.bottom + 4 : around.top - own.height - 4;
    popover.style.top = `${Math.max(8, Math.min(top, innerHeight - own.height - 8))}px`;
    popover.style.left = `${Math.max(8, Math.min(around.left, innerWidth - own.width - 8))}px`;
  };
  place();
  new ResizeObserver(place).observe(popover);
  return popover;
}

/** A menu beside a button: `items` are `{ label, icon, action, danger }`; arrow keys walk through it. */
export function openMenu(opener, label, items, above = []) {
  const choose = (item) => { popover.hidePopover(); item.action(); };
  const entries = items.map((item) => button(item.label, () => choose(item),
    { symbol: item.icon, role: 'menuitem', class: `menu-item ${item.danger ? 'danger-text' : ''}` }));
  const popover = openPopover(opener, label, el('div.menu', { role: 'menu', ariaLabel: label }, ...above, ...entries));
  const all = [...popover.querySelectorAll('[role=menuitem]')];
  popover.addEventListener('keydown', (event) => {
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    all[(all.indexOf(document.activeElement) + step + all.length) % all.length].focus();
  });
  all[0].focus();
  return popover;
}

/** Says something once to those who listen to the page, and shows nothing. */
export function announce(text) { document.querySelector('#announcer')?.replaceChildren(text); }

/** Says for a few seconds, at the bottom of the window, what went well or wrong where no other place is for it. */
export function notice(text, kind = 'info') {
  document.querySelector('.notice')?.remove();
  const element = el('div.notice', { role: kind === 'error' ? 'alert' : 'status', class: kind, popover: 'manual' }, el('span', {}, text),
    iconButton('close', t('action.close'), () => element.remove()));
  (document.querySelector('dialog[open]') ?? document.body).append(element);
  element.showPopover();
  setTimeout(() => element.remove(), 8000);
}

/** Runs what a click began; what goes wrong is said in words. Resolves to whether it went well. */
export async function attempt(action) {
  try {
    await action();
    return true;
  } catch (error) {
    notice(error.message, 'error');
    return false;
  }
}
