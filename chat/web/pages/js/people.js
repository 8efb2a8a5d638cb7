/**
 * `<chat-people>`: everybody who is here, to write to.
 * @module
 */
import { api } from './api.js';
import { attempt, confirmed, el, iconButton, notice, openMenu, Part } from './dom.js';
import { pageBar, pagedList } from './pages.js';
import { store } from './store.js';
import { t } from './texts.js';
import { presenceOf, userAvatar } from './users.js';

const WAIT = 200;  // milliseconds after a key

class ChatPeople extends Part {
  show() {
    const list = pagedList({ rowOf: (user) => { store.users.put(user); return personRow(user); }, none: t('people.none') });
    const load = (text) => list.load(`/api/users?limit=50${text ? `&q=${encodeURIComponent(text)}` : ''}`);
    const input = el('input', { type: 'search', placeholder: t('people.find'), ariaLabel: t('people.find'), dir: 'auto', maxLength: 100,
      oninput: () => { clearTimeout(this.timer); this.timer = setTimeout(() => load(input.value.trim()), WAIT); } });
    this.replaceChildren(pageBar(t('people.title')), el('div.page', {}, el('div.field', {}, input), list.element));
    load('');
    input.focus();
  }
}

/** A user in a list, with the way to a conversation and what else can be done. */
export function personRow(user, more = [], note) {
  const button = iconButton('more', t('people.more', { name: user.displayName }), () => openMenu(button, user.displayName, [...more, ...blockItems(user.id)]), { 'aria-haspopup': 'menu' });
  return el('li', {}, el('a.person', { href: `#/with/${user.id}` }, userAvatar(user), el('span.name', { dir: 'auto' }, user.displayName),
    el('small', {}, el('bdi', {}, `@${user.username}`), ` · ${presenceOf(user)}`)), note && el('span.note', {}, note), button);
}

/** What a menu offers of blocking somebody. */
export function blockItems(userId) {
  const name = store.users.nameOf(userId);
  return [{ label: t('blocks.block', { name }), icon: 'mute', danger: true, action: async () => {
    if (await confirmed(t('blocks.block', { name }), t('blocks.text'), t('blocks.action'))) {
      await attempt(async () => { await api.put(`/api/users/${userId}/block`); notice(t('blocks.done', { name })); });
    }
  } }];
}

customElements.define('chat-people', ChatPeople);
