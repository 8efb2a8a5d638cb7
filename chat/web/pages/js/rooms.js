/**
 * `<chat-rooms>`: making rooms, entering them by a code, and the public ones.
 * @module
 */
import { api } from './api.js';
import { attempt, button, el, Part } from './dom.js';
import { form, formDialog } from './forms.js';
import { listRow, pageBar, pagedList, section } from './pages.js';
import { store } from './store.js';
import { t } from './texts.js';
import { roomAvatar } from './users.js';

class ChatRooms extends Part {
  /** Shows the page; with the code of a link the room is entered at once. */
  show({ code }) {
    const fields = [{ name: 'inviteCode', label: t('rooms.code'), required: true, value: code, hint: t('rooms.codeHint') }];
    const action = ({ inviteCode }) => enter({ inviteCode: inviteCode.replace(/^.*#\/join\//, '') });
    const join = form({ fields, submit: t('rooms.join'), action });
    const list = pagedList({ rowOf: roomRow, noun: 'rooms', none: t('rooms.none') });
    this.replaceChildren(pageBar(t('rooms.title')), el('div.page', {},
      section(t('rooms.make'), el('p', {}, t('rooms.makeText')), button(t('rooms.make'), makeRoom, { class: 'primary', symbol: 'plus' })),
      section(t('rooms.joinTitle'), join), section(t('rooms.public'), list.element)));
    list.load('/api/rooms?limit=50');
    if (code) join.requestSubmit();
  }
}

async function enter(by) { open((await api.post('/api/rooms/join', by)).room); }

function open(room) {
  store.putRoom(room);
  location.hash = `#/rooms/${room.id}`;
}

function roomRow(room) {
  const label = t(store.rooms.has(room.id) ? 'rooms.open' : 'rooms.join');
  const go = () => (store.rooms.has(room.id) ? open(room) : attempt(() => enter({ roomId: room.id })));
  return listRow({ picture: roomAvatar(room, store.users), name: room.name, under: [t('room.members', { count: room.memberCount })] },
    button(label, go, { ariaLabel: `${label}: ${room.name}` }));
}

function makeRoom() {
  const fields = [{ name: 'name', label: t('rooms.name'), required: true, maxLength: 120, autocapitalize: 'sentences' },
    { name: 'isPrivate', type: 'checkbox', label: t('rooms.private'), hint: t('rooms.privateHint') }];
  const action = async (values) => open((await api.post('/api/rooms', values)).room);
  formDialog(t('rooms.make'), { fields, submit: t('rooms.make'), action });
}

customElements.define('chat-rooms', ChatRooms);
