/**
 * `<chat-inbox>`: all conversations, with what is new in each.
 * @module
 */
import { el, icon, iconLink, Part, reconcile } from './dom.js';
import { store } from './store.js';
import { previewOf } from './sync.js';
import { formatDay, formatMoment, formatTime, t } from './texts.js';
import { typing } from './typing.js';
import { roomAvatar, userAvatar } from './users.js';

class ChatInbox extends Part {
  connected() {
    this.list = el('ul.rows');
    this.empty = el('div.empty', { hidden: true });
    this.me = el('a.me', { href: '#/settings' });
    this.replaceChildren(el('nav', { ariaLabel: t('inbox.title') },
      el('div.bar', {}, this.me, el('h1', {}, t('inbox.title')), iconLink('search', t('search.title'), '#/search'),
        iconLink('people', t('people.title'), '#/people'), iconLink('plus', t('rooms.title'), '#/rooms')),
      el('div.conversations', {}, this.list, this.empty)));
    this.listen(store, 'rooms users drafts', () => this.schedule());
    this.listen(typing, 'change', () => this.schedule());
    this.listen(this.closest('chat-app'), 'page', ({ detail }) => { this.roomId = detail.roomId; this.schedule(); });
    this.render();
  }

  render() {
    const me = store.users.get(store.me.id) ?? store.me, mine = JSON.stringify(me);
    if (this.me.looks !== mine) {
      this.me.title = t('settings.of', { name: me.displayName });
      this.me.replaceChildren(userAvatar({ ...me, online: false }, 'small'), el('span.hidden', {}, this.me.title));
      this.me.looks = mine;
    }
    const rooms = store.inbox().map((room) => rowOf(room, room.id === this.roomId));
    reconcile(this.list, rooms, { keyOf: ({ room }) => room.id, looksOf: ({ room, ...row }) => JSON.stringify(row), make: rowElement });
    this.renderEmpty(rooms);
    const unread = rooms.filter(({ unreadCount, room }) => unreadCount && room.notify !== 'none').length;
    document.title = document.title.replace(/^(\(\d+\) )?/, unread ? `(${unread}) ` : '');
  }

  renderEmpty(rooms) {
    const isEmpty = store.isFresh || !rooms.some(({ room }) => room.kind !== 'lobby');
    this.empty.hidden = !isEmpty;
    if (!isEmpty || this.empty.looks === store.isFresh) return;
    this.empty.looks = store.isFresh;
    this.empty.replaceChildren(...(store.isFresh ? [el('p', {}, t('app.loading'))] : [el('p', {}, t('inbox.none')),
      el('a.button.primary', { href: '#/people' }, t('inbox.findPeople')), el('a.button', { href: '#/rooms' }, t('inbox.findRooms'))]));
  }
}

/** What a row shows. */
function rowOf(room, isCurrent) {
  const last = room.lastMessage, other = room.otherUser && store.users.get(room.otherUser.id);
  const typists = typing.in(room.id), draft = !isCurrent && store.drafts.get(room.id);
  const author = !last || last.deletedAt || (room.otherUser && last.senderId !== store.me.id) ? '' : `${store.authorOf(last)}: `;
  const today = last && new Date(last.createdAt).toDateString() === new Date().toDateString();
  const { unreadCount, mentionCount, notify, isPinned } = room, createdAt = last?.createdAt;
  return { room, isCurrent, unreadCount, mentionCount, notify, isPinned, createdAt, time: last && (today ? formatTime : formatDay)(createdAt),
    name: store.nameOf(room), avatar: other?.avatarUrl, online: other?.online,
    label: typists.length ? 'typing' : draft ? 'draft' : '',
    preview: typists.length ? t('typing.short') : draft || (last ? author + previewOf(last) : t('inbox.noMessages')) };
}

function rowElement({ room, isCurrent, name, unreadCount, mentionCount, notify, isPinned, time, createdAt, label, preview }) {
  return el('li', {}, el('a.row', { href: `#/rooms/${room.id}`, 'aria-current': isCurrent ? 'page' : null, class: unreadCount ? 'unread' : '' },
    roomAvatar(room, store.users),
    el('span.name', { dir: 'auto', title: name }, name),
    time && el('time', { dateTime: createdAt, title: formatMoment(createdAt) }, time),
    el('span.preview', { dir: 'auto', class: label }, label === 'draft' && el('em', {}, `${t('inbox.draft')} `), preview),
    el('span.marks', {}, isPinned && mark('mark', icon('pin'), t('room.pinned')), notify === 'none' && mark('mark', icon('mute'), t('room.muted')),
      mentionCount > 0 && mark('badge at', '@', t('inbox.mentions', { count: mentionCount })),
      unreadCount > 0 && mark(notify === 'none' ? 'badge quiet' : 'badge', unreadCount > 999 ? '999+' : unreadCount, t('inbox.unread', { count: unreadCount })))));
}

function mark(kind, sign, label) {
  return el('span', { class: kind, title: label }, el('span', { 'aria-hidden': 'true' }, sign), el('span.hidden', {}, label));
}

customElements.define('chat-inbox', ChatInbox);
