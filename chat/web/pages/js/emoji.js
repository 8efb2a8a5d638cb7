/**
 * `<emoji-picker>`: emoji by groups, and a search in them by English and German words. Fires `picked` with the emoji.
 * @module
 */

import { el } from './elements.js';
import { kept } from './storage.js';
import { language, t } from './texts.js';

const GROUPS = { smileys: '😀', hands: '👍', hearts: '❤️', animals: '🐶', food: '🍎', activities: '⚽', places: '🚗', objects: '💡' };
const RECENT = 'chat.emoji';  // what is kept under
const MAX_RECENT = 18;

/** Resolves to `{group: [{emoji, en, de}]}`; read once. */
const emoji = fetch(new URL('../texts/emoji.json', import.meta.url)).then((answer) => answer.json());

class EmojiPicker extends HTMLElement {
  #all = {};
  #search;
  #list;
  #said;

  async connectedCallback() {
    if (this.#list) return this.#show('');
    this.#search = el('input', { type: 'search', placeholder: t('emoji.search'), ariaLabel: t('emoji.search'), oninput: () => this.#show(this.#search.value),
      autocomplete: 'off', enterKeyHint: 'done' });
    this.#list = el('div.emoji-list', { role: 'group', ariaLabel: t('emoji.choose'), onclick: ({ target }) => this.#pick(target.closest('button')) });
    this.#said = el('p.emoji-said', { role: 'status' });
    this.append(this.#search, this.#jumps(), this.#said, this.#list);
    this.addEventListener('keydown', (event) => this.#key(event));
    this.#all = await emoji;
    return this.#show(this.#search.value);
  }

  /** Goes to the search, from where everything is reached. */
  focus() { this.#search?.focus(); }

  #jumps() {
    return el('div.emoji-jumps', {}, ...Object.entries(GROUPS).map(([name, sign]) => el('button', {
      type: 'button', title: t(`emoji.${name}`), ariaLabel: t(`emoji.${name}`), onclick: () => this.#jump(name),
    }, sign)));
  }

  #jump(name) {
    this.#search.value = '';
    this.#show('');
    const section = this.#list.querySelector(`[data-group=${name}]`);
    this.#list.scrollTop = section.offsetTop - this.#list.offsetTop;
    section.querySelector('button').focus({ preventScroll: true });
  }

  #show(text) {
    const words = plain(text).split(' ').filter(Boolean);
    const groups = words.length ? { '': this.#found(words) } : { recent: this.#recent(), ...this.#all };
    this.#list.replaceChildren(...Object.entries(groups).filter(([, entries]) => entries.length).map(([name, entries]) => el(
      'div', { 'data-group': name || 'found', role: 'group', ariaLabel: name && t(`emoji.${name}`) }, name && el('p', {}, t(`emoji.${name}`)),
      el('div.emoji-grid', {}, ...entries.map((entry) => el('button', { type: 'button', tabIndex: -1, title: entry[language], ariaLabel: entry[language] }, entry.emoji))),
    )));
    this.#list.scrollTop = 0;
    this.#reach(this.#buttons[0]);
    const count = this.#buttons.length;
    this.#said.textContent = !words.length ? '' : count ? t('emoji.found', { count }) : t('emoji.none');
  }

  /** The entries that have a word beginning with each of those; those whose first word it is come first. */
  #found(words) {
    const found = Object.values(this.#all).flat().map((entry) => ({ entry, own: plain(`${entry.en} ${entry.de}`).split(' ') }))
      .filter(({ entry, own }) => words.every((word) => entry.emoji === word || own.some((each) => each.startsWith(word))));
    const isFirst = ({ entry }) => [entry.en, entry.de].some((name) => plain(name).startsWith(words[0]));
    return [...found.filter(isFirst), ...found.filter((each) => !isFirst(each))].map(({ entry }) => entry);
  }

  #recent() {
    const known = new Map(Object.values(this.#all).flat().map((entry) => [entry.emoji, entry]));
    return recent().map((each) => known.get(each)).filter(Boolean);
  }

  #pick(button) {
    if (!button) return;
    const picked = button.textContent;
    this.dispatchEvent(new CustomEvent('picked', { detail: picked, bubbles: true }));
    kept.setItem(RECENT, JSON.stringify([picked, ...recent().filter((each) => each !== picked)].slice(0, MAX_RECENT)));
  }

  #key(event) {
    const { key, target } = event, at = this.#buttons.indexOf(target), inSearch = target === this.#search;
    const next = inSearch ? { ArrowDown: this.#buttons[0] }[key] : at < 0 ? null : {
      ArrowLeft: this.#buttons[at - 1], ArrowRight: this.#buttons[at + 1], Home: this.#buttons[0], End: this.#buttons.at(-1),
      ArrowDown: this.#inRow(target, 1), ArrowUp: this.#inRow(target, -1) ?? this.#search,
    }[key];
    if (inSearch && key === 'Enter') this.#pick(this.#buttons[0]);
    if (at >= 0 && key.length === 1 && key !== ' ') this.#search.focus();  // who goes on typing searches
    if (!next && !(inSearch && key === 'Enter')) return;
    event.preventDefault();
    if (next !== this.#search && next) this.#reach(next);
    next?.focus();
  }

  /** The button nearest to that one in the next row downwards (1) or upwards (-1). */
  #inRow(button, way) {
    const others = this.#buttons.filter((each) => (each.offsetTop - button.offsetTop) * way > 0);
    const distance = (each) => Math.abs(each.offsetTop - button.offsetTop) * 1000 + Math.abs(each.offsetLeft - button.offsetLeft);
    return others.length ? others.reduce((best, each) => (distance(each) < distance(best) ? each : best)) : null;
  }

  /** One emoji at a time is in the order of Tab; arrow keys lead to the others. */
  #reach(button) {
    this.#list.querySelector('[tabindex="0"]')?.setAttribute('tabindex', -1);
    button?.setAttribute('tabindex', 0);
  }

  get #buttons() { return [...this.#list.querySelectorAll('button')]; }
}

function recent() { return JSON.parse(kept.getItem(RECENT) ?? '[]'); }

function plain(text) { return text.toLowerCase().normalize('NFD').replace(/\p{Mn}(?<!\ufe0f)/gu, '').trim(); }

customElements.define('emoji-picker', EmojiPicker);
