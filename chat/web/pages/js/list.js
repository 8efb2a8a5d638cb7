/**
 * `<message-list>`: a long list of which only what is seen is in the document. What one looks at stays where it is when older
 * messages come in above or heights turn out to be others; whoever is at the bottom stays there.
 * @module
 */
import { el, Part } from './dom.js';
import { firstNot } from './messages.js';

const BEYOND = 600;   // pixels that are drawn above and below what is seen
const NEAR = 900;     // pixels from an end at which the next page is asked for
const AT_BOTTOM = 48;

/**
 * `items` are `{ key, id, height, looks, make }`: `height` is a guess, `make()` gives the element, anew when `looks()` has changed; messages
 * have an `id`.
 * Fires `older`, `newer` and `seen` (detail: the key of the last item that is seen, and whether that is the bottom).
 */
class MessageList extends Part {
  items = [];
  sticks = true;          // to the bottom
  isOpenEnded = false;    // there is more below than the items
  places = new Map();     // of the items, by key
  #tops = null;           // of the items, until a height turns out to be another
  #heights = new Map();   // measured, by key
  #drawn = new Map();     // key → element
  #anchors = [];          // [{ key, offset }]: what is seen, from the window's top
  #active = null;         // key of the message that Tab reaches
  #set = 0;

  connected() {
    this.above ??= el('div');
    this.below ??= el('div');
    this.scroller ??= el('div.scroller', {}, this.above, this.below);
    this.replaceChildren(this.scroller);
    this.listen(this.scroller, 'scroll', () => this.#scrolled());
    this.listen(this.scroller, 'keydown', (event) => this.#pressed(event));
    this.listen(this.scroller, 'focusin', ({ target }) => this.#activate(target.closest('[data-key]')?.dataset.key));
    this.sizes = new ResizeObserver((entries) => {
      if (entries.some(({ target }) => target === this.scroller) && this.scroller.clientWidth !== this.width) {
        this.width = this.scroller.clientWidth;
        this.#heights.clear();
        this.#tops = null;
      }
      this.draw();
    });
    this.sizes.observe(this.scroller);
  }

  disconnected() { this.sizes.disconnect(); }

  /** Shows other items; those with the same key are the same. */
  show(items) {
    this.items = items;
    this.places = new Map(items.map(({ key }, place) => [key, place]));
    this.#tops = null;
    this.draw();
    this.#tell();
  }

  /** Goes to an item: `at` is where in the window it comes to stand, from 0 (top) to 1. */
  goTo(key, at = 0.3) {
    this.sticks = false;
    this.#anchors = [{ key, offset: this.scroller.clientHeight * at }];
    this.draw();
    this.sticks = this.#isAtBottom(this.#set);
    this.#tell();
  }

  /** Goes to the bottom, and stays there. */
  goToBottom() {
    this.sticks = true;
    this.draw();
    this.#tell();
  }

  /** Gives the focus to a message, by default to the one that had it last. */
  focusItem(key = this.#active) {
    const element = this.#drawn.get(key);
    element?.focus({ preventScroll: true });
    element?.scrollIntoView({ block: 'nearest' });
    return Boolean(element);
  }

  /** Draws what is seen. Heights are guessed until they are measured, so it may take some rounds until all is in its place. */
  draw() {
    for (let round = 0; round < 5; round += 1) {
      this.#layOut();
      this.#place();
      this.#mount();
      if (!this.#measure()) break;
    }
    this.#layOut();
    this.#place();
    this.#anchor(this.scroller.scrollTop);
    if (!this.#drawn.has(this.#active)) this.#activate(this.#lastMessage()?.dataset.key);
  }

  #layOut() {
    if (this.#tops) return;
    this.total = 0;
    this.#tops = this.items.map((item) => {
      const top = this.total;
      this.total += this.#heights.get(item.key) ?? item.height;
      return top;
    });
  }

  #place() {
    const anchor = this.#anchors.find(({ key }) => this.places.has(key));
    const wanted = this.sticks || !anchor ? this.total - this.scroller.clientHeight : this.#tops[this.places.get(anchor.key)] - anchor.offset;
    this.#set = Math.max(0, Math.min(wanted, this.total - this.scroller.clientHeight));
    // Before the spacers are right the browser might not let it go there.
    if (Math.abs(this.scroller.scrollTop - this.#set) > 0.5) this.scroller.scrollTop = this.#set;
  }

  #mount() {
    const from = this.#at(this.#set - BEYOND), to = Math.min(this.items.length, this.#at(this.#set + this.scroller.clientHeight + BEYOND) + 1);
    const wanted = this.items.slice(from, to), keys = new Set(wanted.map(({ key }) => key));
    const focused = this.scroller.contains(document.activeElement) && document.activeElement.closest('[data-key]')?.dataset.key;
    this.#drawn.forEach((element, key) => !keys.has(key) && this.#remove(key, element));
    let next = this.above.nextSibling;
    for (const item of wanted) {
      const isNext = this.#drawn.get(item.key) === next, element = this.#element(item);
      if (isNext) next = element.nextSibling;
      else this.scroller.insertBefore(element, next);
    }
    if (focused && !this.scroller.contains(document.activeElement) && !this.focusItem(focused)) this.scroller.focus({ preventScroll: true });
    this.above.style.height = `${this.#tops[from] ?? 0}px`;
    this.below.style.height = `${to < this.items.length ? this.total - this.#tops[to] : 0}px`;
    this.#place();
  }

  #element(item) {
    const held = this.#drawn.get(item.key), looks = item.looks();
    if (held?.looks === looks) return held;
    const element = item.make();
    element.looks = looks;
    element.dataset.key = item.key;
    reach(element, item.key === this.#active);
    if (held) {
      this.sizes.unobserve(held);
      held.replaceWith(element);
    }
    this.#drawn.set(item.key, element);
    this.sizes.observe(element);
    return element;
  }

  #remove(key, element) {
    this.sizes.unobserve(element);
    element.remove();
    this.#drawn.delete(key);
  }

  #measure() {
    this.#drawn.forEach((element, key) => {
      const { height } = element.getBoundingClientRect();
      if (Math.abs((this.#heights.get(key) ?? -1) - height) < 0.5) return;
      this.#heights.set(key, height);
      this.#tops = null;
    });
    return !this.#tops;
  }

  #isAtBottom(top) { return !this.isOpenEnded && this.total - top - this.scroller.clientHeight < AT_BOTTOM; }

  // Messages only: a day's line moves up when older messages of that day come in.
  #anchor(top) {
    const first = this.#at(top);
    const seen = this.items.slice(first, first + 12).map(({ key, id }, place) => id && { key, offset: this.#tops[first + place] - top });
    this.#anchors = seen.filter(Boolean);
  }

  #at(y) { return Math.max(0, firstNot(this.#tops, (top) => top <= y) - 1); }

  #scrolled() {
    const { scrollTop } = this.scroller;
    if (Math.abs(scrollTop - this.#set) < 1) return this.#tell();
    this.sticks = this.#isAtBottom(scrollTop);
    this.#set = scrollTop;
    this.#anchor(scrollTop);
    this.draw();
    return this.#tell();
  }

  #tell() {
    const { scrollTop, clientHeight } = this.scroller;
    if (!clientHeight) return;
    if (scrollTop < NEAR) this.dispatchEvent(new Event('older'));
    if (this.isOpenEnded && this.total - scrollTop - clientHeight < NEAR) this.dispatchEvent(new Event('newer'));
    const last = this.items[this.#at(scrollTop + clientHeight - 8)];
    this.dispatchEvent(new CustomEvent('seen', { detail: { key: last?.key, isBottom: this.sticks } }));
  }

  #lastMessage() {
    return [...this.#drawn].filter(([, element]) => element.hasAttribute('tabindex'))
      .sort(([a], [b]) => this.places.get(a) - this.places.get(b)).at(-1)?.[1];
  }

  #activate(key) {
    const element = this.#drawn.get(key);
    if (!element?.hasAttribute('tabindex')) return;
    const before = this.#drawn.get(this.#active);
    if (before && before !== element) reach(before, false);
    reach(element, true);
    this.#active = key;
  }

  #pressed(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step || event.target.closest('[role=menu], input, textarea, voice-note') || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    let place = (this.places.get(this.#active) ?? this.items.length) + step;
    while (this.items[place] && !this.#drawn.get(this.items[place].key)?.hasAttribute('tabindex')) place += step;
    if (this.items[place]) this.focusItem(this.items[place].key);
  }
}

// Of all messages Tab reaches one, and what is in it.
function reach(element, isActive) {
  if (element.hasAttribute('tabindex')) [element, ...element.querySelectorAll('button, a')].forEach((one) => { one.tabIndex = isActive ? 0 : -1; });
}

customElements.define('message-list', MessageList);
