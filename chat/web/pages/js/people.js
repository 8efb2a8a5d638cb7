/**
 * `<chat-people>`: everybody who is here, to write to.
 * @module
 */
import { api } from './api.js';
import { attempt, confirmed, el, iconButton, notice, openMenu, Part } from './dom.js';
import { listRow, pageBar, pagedList } from './pages.js';
import { store } from './store.js';
import { t } from './texts.js';
import { presenceOf, userAvatar } from './users.js';

class ChatPeople extends Part {
  show() {
    const list = pagedList({ rowOf: (user) => { store.users.put(user); return personRow(user); }, none: t('people.none') });
    const load = () => list.load(`/api/users?${new URLSearchParams({ limit: 50, ...(input.value.trim() && { q: input.value.trim() }) })}`);
    const label = t('people.find');
    const input = el('input', { type: 'search', placeholder: label, ariaLabel: label, dir: 'auto', maxLength: 100, oninput: () => this.soon(load) });
    this.replaceChildren(pageBar(t('people.title')), el('div.page', {}, el('div.field', {}, input), list.element));
    load();
    input.focus();
  }
}

/** A user in a list, with the way to a conversation and what else can be done: `more` are further items of its menu. */
export function personRow(user, more = [], note) {
  const items = [...more, blockItem(user.id)];
  const menu = iconButton('more', t('people.more', { name: user.displayName }), () => openMenu(menu, user.displayName, items), { 'aria-haspopup': 'menu' });
  const under = [el('bdi', {}, `@${user.username}`), ` · ${presenceOf(user)}`];
  return listRow({ picture: userAvatar(user), name: user.displayName, under, href: `#/with/${user.id}` }, note && el('span.note', {}, note), menu);
}

/** What a menu offers of blocking somebody. */
export function blockItem(userId) {
  const name = store.users.nameOf(userId), label = t('blocks.block', { name });
  const action = async () => {
    if (!await confirmed(label, t('blocks.text'), t('blocks.action'))) return;
    await attempt(async () => { await api.put(`/api/users/${userId}/block`); notice(t('blocks.done', { name })); });
  };
  return { label, icon: 'mute', danger: true, action };
}

customElements.define('chat-people', ChatPeople);
