/**
 * `<chat-search>`: messages that hold what is looked for, in one room or in all.
 * @module
 */
import { el, icon, Part } from './dom.js';
import { pageBar, pagedList } from './pages.js';
import { store } from './store.js';
import { previewOf } from './sync.js';
import { markedText } from './text.js';
import { formatDay, formatMoment, formatTime, t } from './texts.js';
import { userAvatar } from './users.js';

let last = {};     // what was looked for, for those who come back from a result

class ChatSearch extends Part {
  show({ roomId }) {
    const room = store.rooms.get(roomId), held = last.roomId === roomId ? last : {};
    const list = pagedList({ rowOf: (message) => resultRow(message, input.value), none: t('search.none') });
    const look = () => {
      const q = input.value.trim();
      last = { roomId, q, sort: sort.value };
      if (q) list.load(`/api/messages/search?${new URLSearchParams({ q, sort: sort.value, limit: 30, ...(roomId && { roomId }) })}`);
      else list.clear();
    };
    const input = el('input', { type: 'search', value: held.q ?? '', placeholder: t('search.placeholder'), ariaLabel: t('search.title'),
      dir: 'auto', maxLength: 200, oninput: () => this.soon(look) });
    const sort = el('select', { ariaLabel: t('search.sort'), onchange: look },
      ...['best', 'newest'].map((value) => el('option', { value, selected: value === held.sort }, t(`search.${value}`))));
    this.replaceChildren(pageBar(room ? t('search.in', { name: store.nameOf(room) }) : t('search.title'),
      room && el('a.button', { href: '#/search' }, t('search.everywhere'))), el('search.page', {}, el('div.joined', {}, input, sort), list.element));
    look();
    input.focus();
    this.listen(store, 'users', () => this.schedule());
  }

  // Names that were not known when the results came.
  render() {
    this.querySelectorAll('[data-author]').forEach((name) => { name.textContent = store.authorOf({ senderId: Number(name.dataset.author) }); });
  }
}

function resultRow(message, query) {
  const room = store.rooms.get(message.roomId), { createdAt } = message;
  return el('li', {}, el('a.result', { href: `#/rooms/${message.roomId}/at/${message.id}` }, userAvatar(store.users.get(message.senderId), 'small'),
    el('span.name', { dir: 'auto', data: { author: message.senderId } }, store.authorOf(message)),
    el('time', { dateTime: createdAt, title: formatMoment(createdAt) }, `${formatDay(createdAt)}, ${formatTime(createdAt)}`),
    el('span.words', { dir: 'auto' }, message.attachments.length > 0 && icon('clip'), ...markedText(excerpt(previewOf(message), query), query)),
    room && el('small', {}, t('search.room', { name: store.nameOf(room) }))));
}

// The words that were found, and what stands around them.
function excerpt(text, query) {
  const place = text.toLowerCase().indexOf(query.trim().split(/\s+/)[0].toLowerCase());
  return place > 80 ? `…${text.slice(place - 40)}` : text;
}

customElements.define('chat-search', ChatSearch);
