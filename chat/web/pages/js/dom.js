/**
 * Making elements, and what all parts of the page have in common.
 * @module
 */
import { t } from './texts.js';

/**
 * An element: `el('button.primary', { onclick, ariaLabel: 'Send' }, 'Send')`. Children that are null or false are left out;
 * strings become text nodes, so nothing that people write is ever read as HTML.
 */
export function el(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split('.');
  const element = document.createElement(name);
  element.className = classes.join(' ');
  for (const [key, value] of Object.entries(properties)) {
    if (value == null) continue;
    if (key === 'class') element.className += ` ${value}`;
    else if (key === 'data') Object.assign(element.dataset, value);
    else if (key.includes('-') || key === 'role' || key === 'for' || key === 'list') element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

const PATHS = {
  back: 'M15 5l-7 7 7 7', close: 'M6 6l12 12M18 6L6 18', plus: 'M12 5v14M5 12h14', more: 'M5 12h.01M12 12h.01M19 12h.01',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5', send: 'M4 12L20 4l-6 16-3-6.5zM11 13.5L20 4', down: 'M6 9l6 6 6-6',
  people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c.5-4 3-6 6.5-6s6 2 6.500 6M16 4.500a3.500 3.500 0 0 1 0 6M18 14.500c2 .8 3.200 2.600 3.500 5.500',
  edit: 'M4 20l1-5L16 4l4 4L9 19zM14 6l4 4', trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13', reply: 'M9 6l-6 6 6 6M3 12h11c4 0 7 2 7 7',
  copy: 'M9 9h11v11H9zM15 9V4H4v11h5', smile: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8.500 14.500c1.800 2.600 5.200 2.600 7 0M9 9.500h.01M15 9.500h.01',
  clip: 'M20 11l-8.500 8.500a5 5 0 0 1-7-7L13 4a3.400 3.400 0 0 1 5 5l-8.500 8.500a1.700 1.700 0 0 1-2.500-2.500L14.500 7.500', file: 'M6 3h8l5 5v13H6zM14 3v5h5',
  mic: 'M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM5.500 11.500a6.500 6.500 0 0 0 13 0M12 18v3', call: 'M5 4h4l1.500 5L8 11c1 2.500 2.500 4 5 5l2-2.500 5 1.500v4c0 1-1 2-2 2C10 20.500 3.500 14 3 6c0-1 1-2 2-2z',
  video: 'M3 6h12v12H3zM15 10.500L21 7v10l-6-3.500', info: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v6M12 7.500h.01', pin: 'M9 4h6l-1 6 3 3H7l3-3zM12 13v7',
  mute: 'M6 17h12l-1.500-2V10a4.500 4.500 0 0 0-9 0v5zM10 20h4M4 4l16 16', lock: 'M6 11h12v9H6zM8.500 11V8a3.500 3.500 0 0 1 7 0v3', hash: 'M9 4L7 20M17 4l-2 16M4.500 9h16M3.500 15h16',
  check: 'M4 12.500l5 5L20 7', double: 'M2 12.500l4.500 4.500L15 8M11 16l1 1 9.500-9.500', clock: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4l2.500 2', alert: 'M12 4L2.500 20h19zM12 10v4.500M12 17.500h.01',
  calendar: 'M4 6h16v14H4zM4 10.500h16M8 3v4M16 3v4', link: 'M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1', out: 'M10 4H5v16h5M15 8l4 4-4 4M19 12H9',
};

/** A picture from the set above; decoration, so that what it means has to be said beside it. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', `icon icon-${name}`);
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(svg.namespaceURI, 'path');
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

/** A button that is a picture, with its name for those who listen and for the mouse. */
export function iconButton(name, label, onclick, properties = {}) {
  return el('button.icon-button', { type: 'button', ariaLabel: label, title: label, onclick, ...properties }, icon(name));
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

/** A modal dialog with a title; the browser gives the focus back when it closes. Returns it. */
export function openDialog(title, ...content) {
  const heading = el('h2', { id: `dialog-${Date.now()}` }, title);
  const dialog = el('dialog.dialog', { 'aria-labelledby': heading.id, onclose: () => dialog.remove() },
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
      el('button', { type: 'button', onclick: () => dialog.close() }, t('action.cancel')),
      el('button.danger', { type: 'button', onclick: () => dialog.close('yes') }, action)));
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'));
  });
}

/** Shows an element in a popover beside `button`, inside the window; it closes by Escape and by a click elsewhere. */
export function openPopover(button, content, properties = {}) {
  const popover = el('div.popover', { popover: 'auto', ...properties }, content);
  const source = document.activeElement;
  popover.addEventListener('toggle', (event) => {
    if (event.newState !== 'closed') return;
    if (popover.contains(document.activeElement) || document.activeElement === document.body) source?.focus();
    popover.remove();
  });
  (button.closest('dialog') ?? document.body).append(popover);
  popover.showPopover();
  const place = () => {
    const around = button.getBoundingClientRect(), own = popover.getBoundingClientRect();
    const top = around.bottom + own.height + 8 < innerHeight ? around.bottom + 4 : around.top - own.height - 4;
    popover.style.top = `${Math.max(8, Math.min(top, innerHeight - own.height - 8))}px`;
    popover.style.left = `${Math.max(8, Math.min(around.left, innerWidth - own.width - 8))}px`;
  };
  place();
  new ResizeObserver(place).observe(popover);
  return popover;
}

/** A menu beside a button: `items` are `{ label, icon, action, danger }`; arrow keys walk through it. */
export function openMenu(button, label, items, above = []) {
  const entries = items.map((item) => el('button.menu-item', { type: 'button', role: 'menuitem', class: item.danger ? 'danger-text' : '',
    onclick: () => { popover.hidePopover(); item.action(); } }, icon(item.icon), item.label));
  const popover = openPopover(button, el('div.menu', { role: 'menu', ariaLabel: label }, ...above, ...entries));
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
export function announce(text) {
  document.querySelector('#announcer')?.replaceChildren(text);
}

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
