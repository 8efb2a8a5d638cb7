/**
 * `<picture-viewer>` shows pictures large, one at a time.
 * @module
 */

import { el, iconButton, iconLink } from './elements.js';
import { t } from './texts.js';

const KEYS = { ArrowLeft: -1, ArrowRight: 1, PageUp: -1, PageDown: 1 };
const SWIPE = 50;  // points of a finger's way that turn the page

class PictureViewer extends HTMLElement {
  #pictures = [];
  #index = 0;
  #parts = null;

  /** Shows `pictures`, `[{src, name, width, height}]`, beginning with that of the index. */
  show(pictures, index = 0) {
    if (!this.#parts) this.#build();
    this.#pictures = pictures;
    this.#turnTo(index);
    this.#parts.dialog.showModal();
  }

  #build() {
    const dialog = el('dialog', { ariaLabel: t('viewer.title') }), parts = {
      name: el('h2', { dir: 'auto' }),
      place: el('p', { 'aria-live': 'polite' }),
      download: iconLink('download', t('viewer.download')),
      close: iconButton('close', t('viewer.close'), () => dialog.close(), { autofocus: true }),
      picture: el('img', { onerror: () => this.#failed(true), onload: () => this.#failed(false) }),
      failed: el('p.viewer-failed', { role: 'alert' }),
      previous: iconButton('back', t('viewer.previous'), () => this.#turn(-1), { class: 'viewer-turn' }),
      next: iconButton('next', t('viewer.next'), () => this.#turn(1), { class: 'viewer-turn' }),
    };
    const { name, place, download, close, picture, failed, previous, next } = parts;
    dialog.append(el('header', {}, name, place, download, close), el('div.viewer-stage', {}, picture, failed, previous, next));
    dialog.addEventListener('keydown', (event) => { if (event.key in KEYS) this.#turn(KEYS[event.key]); });
    dialog.addEventListener('click', ({ target }) => { if (target === dialog || target.className === 'viewer-stage') dialog.close(); });
    dialog.addEventListener('close', () => picture.removeAttribute('src'));
    let from = null;
    dialog.addEventListener('touchstart', ({ touches }) => { from = touches.length === 1 ? touches[0].clientX : null; }, { passive: true });
    dialog.addEventListener('touchend', ({ changedTouches: [touch] }) => {
      const way = from === null || visualViewport.scale > 1 ? 0 : touch.clientX - from;
      if (Math.abs(way) > SWIPE) this.#turn(way > 0 ? -1 : 1);
    });
    this.#parts = { dialog, ...parts };
    this.append(dialog);
  }

  #turn(by) {
    const index = this.#index + by;
    if (index >= 0 && index < this.#pictures.length) this.#turnTo(index);
  }

  #turnTo(index) {
    const { src, name, width, height } = this.#pictures[index], total = this.#pictures.length, { picture, download, previous, next } = this.#parts;
    this.#index = index;
    this.#failed(false);
    Object.assign(picture, { alt: name, src });
    for (const [key, value] of Object.entries({ width, height })) value ? picture.setAttribute(key, value) : picture.removeAttribute(key);
    this.#parts.name.textContent = name;
    this.#parts.place.textContent = total > 1 ? t('viewer.place', { number: index + 1, total }) : '';
    Object.assign(download, { href: src, download: name });
    previous.hidden = next.hidden = total < 2;
    previous.disabled = index === 0;
    next.disabled = index === total - 1;
  }

  #failed(hasFailed) {
    this.#parts.picture.hidden = hasFailed;
    this.#parts.failed.textContent = hasFailed ? t('viewer.failed') : '';
  }
}

customElements.define('picture-viewer', PictureViewer);
