/**
 * Completing `@names` while they are typed: a listbox under the message box, which keeps the focus.
 * @module
 */
import { el } from './dom.js';
import { membersOf } from './members.js';
import { store } from './store.js';
import { t } from './texts.js';
import { userAvatar } from './users.js';

const MOST = 6;

/** Completes in a textarea; `conversation()` is the one that it writes to. */
export function completeMentions(area, conversation) {
  const list = el('ul.completions', { id: 'completions', role: 'listbox', ariaLabel: t('mentions.label'), hidden: true });
  area.before(list);
  area.setAttribute('aria-controls', list.id);
  let found = [], chosen = 0, start = 0;

  const close = () => {
    list.hidden = true;
    area.removeAttribute('aria-activedescendant');
  };
  const choose = (place) => {
    chosen = (place + found.length) % found.length;
    [...list.children].forEach((option, at) => option.setAttribute('aria-selected', String(at === chosen)));
    area.setAttribute('aria-activedescendant', list.children[chosen].id);
  };
  const complete = (place) => {
    area.setRangeText(`@${found[place].username} `, start, area.selectionStart, 'end');
    close();
    area.dispatchEvent(new Event('input'));
    area.focus();
  };
  const clicked = (event, place) => {
    event.preventDefault();  // the focus stays
    complete(place);
  };
  const look = async () => {
    const before = area.value.slice(0, area.selectionStart), match = /(?:^|[^\p{L}\p{N}@/])@([A-Za-z0-9_.-]*)$/u.exec(before);
    if (!match) return close();
    const { room } = conversation(), candidates = await candidatesOf(room, match[1].toLowerCase());
    if (before !== area.value.slice(0, area.selectionStart) || !candidates.length) return close();
    start = before.length - match[1].length - 1;
    found = candidates.slice(0, MOST);
    list.replaceChildren(...found.map((user, place) => el('li', { id: `completion-${place}`, role: 'option', onmousedown: (event) => clicked(event, place) },
      user.id ? userAvatar(user, 'small') : null, el('span', { dir: 'auto' }, user.displayName), el('small', {}, `@${user.username}`))));
    list.hidden = false;
    return choose(0);
  };

  area.addEventListener('input', look);
  area.addEventListener('blur', close);
  area.addEventListener('keydown', (event) => {
    if (list.hidden) return;
    const take = () => complete(chosen), step = (by) => () => choose(chosen + by);
    const act = { ArrowDown: step(1), ArrowUp: step(-1), Enter: take, Tab: take, Escape: close }[event.key];
    if (!act || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    act();
  }, { capture: true });
}

async function candidatesOf(room, text) {
  const users = room.kind === 'lobby' ? store.users.inOrder() : (await membersOf(room).catch(() => [])).map(({ user }) => user);
  const all = room.role === 'admin' && room.kind !== 'direct' ? [{ username: 'all', displayName: t('mentions.all') }] : [];
  const begins = ({ username, displayName }) => [username, ...displayName.split(' ')].some((word) => word.toLowerCase().startsWith(text));
  return [...users.filter((user) => user.id !== store.me.id), ...all].filter(begins);
}
