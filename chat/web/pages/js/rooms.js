/**
 * `<chat-rooms>`: making rooms, entering them by a code, and the public ones.
 * @module
 */
import { api } from './api.js';
import { attempt, el, icon, openDialog, Part } from './dom.js';
import { form } from './forms.js';
import { pageBar, pagedList } from './pages.js';
import { store } from './store.js';
import { t } from './texts.js';
import { roomAvatar } from './users.js';

class ChatRooms extends Part {
  /** Shows the page; with the code of a link the room is entered at once. */
  show({ code }) {
    const join = form({ fields: [{ name: 'inviteCode', label: t('rooms.code'), required: true, value: code, hint: t('rooms.codeHint') }], submit: t('rooms.join'),
      action: ({ inviteCode }) => enter({ inviteCode: inviteCode.replace(/^.*#\/join\//, '') }) });
    const list = pagedList({ rowOf: roomRow, noun: 'rooms', none: t('rooms.none') });
    this.replaceChildren(pageBar(t('rooms.title')), el('div.page', {},
      el('section', {}, el('h2', {}, t('rooms.make')), el('p', {}, t('rooms.makeText')), el('button.primary', { type: 'button', onclick: makeRoom }, icon('plus'), t('rooms.make'))),
      el('section', {}, el('h2', {}, t('rooms.joinTitle')), join),
      el('section', {}, el('h2', {}, t('rooms.public')), list.element)));
    list.load('/api/rooms?limit=50');
    if (code) join.requestSubmit();
  }
}

async function enter(by) {
  const { room } = await api.post('/api/rooms/join', by);
  store.putRoom(room);
  location.hash = `#/rooms/${room.id}`;
}

function roomRow(room) {
  const isMember = store.rooms.has(room.id);
  const button = isMember ? el('a.button', { href: `#/rooms/${room.id}` }, t('rooms.open')) : el('button', { type: 'button', onclick: () => attempt(() => enter({ roomId: room.id })) }, t('rooms.join'));
  button.ariaLabel = `${button.textContent}: ${room.name}`;
  return el('li', {}, el('div.person', {}, roomAvatar(room, store.users), el('span.name', { dir: 'auto' }, room.name), el('small', {}, t('room.members', { count: room.memberCount }))), button);
}

function makeRoom() {
  const dialog = openDialog(t('rooms.make'), form({
    fields: [{ name: 'name', label: t('rooms.name'), required: true, maxLength: 120, autocapitalize: 'sentences' },
      { name: 'isPrivate', type: 'checkbox', label: t('rooms.private'), hint: t('rooms.privateHint') }],
    submit: t('rooms.make'),
    action: async (values) => {
      const { room } = await api.post('/api/rooms', values);
      store.putRoom(room);
      dialog.close();
      location.hash = `#/rooms/${room.id}`;
    },
  }));
  dialog.querySelector('input').focus();
}

customElements.define('chat-rooms', ChatRooms);
