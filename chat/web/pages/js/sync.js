/**
 * Following the server: what its events change in the store, and catching up after a time without a line.
 * @module
 */
import { api } from './api.js';
import { connection } from './connection.js';
import { store } from './store.js';
import { announce } from './dom.js';
import { typing } from './typing.js';
import { t } from './texts.js';

const MAX_PAGES = 20;              // more was missed than is worth following: it begins anew
const MOVE_ON_EVERY = 5 * 60_000;  // milliseconds after which the place is moved on, so that the next start has little to ask for

let begun = null;

const now = () => new Date().toISOString();
const emptied = (message) => ({ ...message, content: '', attachments: [], reactions: [], deletedAt: now() });

/** What each event of the server changes here. */
const EVENTS = {
  newMessage: arrived,
  message_sent: arrived,
  receive_message: arrived,
  message_updated: (message) => store.receive(message),
  message_deleted: ({ id, roomId }) => store.change(roomId, id, emptied),
  reaction: ({ messageId, roomId, ...reaction }) => store.change(roomId, messageId, (message) => reacted(message, reaction)),
  typing: (event) => typing.take(event),
  delivery_receipt: (event) => store.receipts.take('delivered', event),
  read_receipt: (event) => store.receipts.take('read', event),
  user_status: (event) => store.users.status(event),
  room_updated: (room) => (store.rooms.has(room.id) ? store.putRoom(room) : loadRoom(room.id)),
  room_deleted: ({ roomId }) => store.removeRoom(roomId),
  member_joined: ({ roomId, user }) => (user.id === store.me.id ? loadRoom(roomId) : membersChanged(roomId, 1, user)),
  member_left: ({ roomId, userId }) => (userId === store.me.id ? store.removeRoom(roomId) : membersChanged(roomId, -1)),
};

/** Follows the server from now on; `first` is the first page of the conversations, which was asked for as early as can be. */
export function follow(first) {
  begun = loadRooms(first);
  begun.catch(() => {});
  connection.addEventListener('event', ({ detail: { name, payload } }) => EVENTS[name]?.(payload));
  connection.addEventListener('online', ({ detail }) => detail.recovered && store.place !== null ? null : catchUp());
  setInterval(() => connection.state === 'online' && document.visibilityState === 'visible' && moveOn().catch(() => {}), MOVE_ON_EVERY);
}

/** Asks for all conversations; `first` is the first page, where it was asked for before. */
async function loadRooms(first) {
  const rooms = [];
  for (let next = '/api/conversations'; next;) {
    const page = await (first ?? api.get(next));
    first = null;
    rooms.push(...page);
    next = page.next;
  }
  store.setRooms(rooms);
  return rooms;
}

/** The users that there are, as many as one list holds; others are asked for by id where they turn up. */
async function loadUsers() { (await api.get('/api/users?limit=200')).forEach((user) => store.users.put(user)); }

/** Asks for a conversation that it did not know. */
export async function loadRoom(roomId) {
  const { room } = await api.get(`/api/rooms/${roomId}`);
  if (room.role || room.kind === 'lobby' || room.kind === 'direct') store.putRoom(room);
  return room;
}

async function catchUp() {
  try {
    const rooms = await (begun ?? loadRooms());
    begun = null;
    // Whoever knows nothing yet begins at the newest message there is, and loads each room when it is opened.
    store.place ??= Math.max(0, ...rooms.map((room) => room.lastMessage?.id ?? 0));
    await moveOn();
    for (const room of rooms) if (room.unreadCount && room.lastMessage) store.receipts.delivered(room.id, room.lastMessage.id);
    await loadUsers();
  } catch (error) {
    begun = null;
    if (error.code === 'validation_error') beginAnew();
    else if (error.isPassing) setTimeout(() => connection.state === 'online' && catchUp(), 5000);
  }
}

/** Takes what is new or has changed since the place, until there is nothing more. */
async function moveOn() {
  for (let pages = 0; ; pages += 1) {
    if (pages === MAX_PAGES) return beginAnew();
    const page = await connection.ask('sync', { after: store.place });
    page.left.forEach((roomId) => store.messages.forget(roomId));
    page.messages.forEach((message) => store.receive(message));
    store.place = page.next;
    store.changed('place');
    if (!page.messages.length && !page.more) return undefined;
  }
}

function beginAnew() {
  store.messages.forgetAll();
  store.place = null;
  return catchUp();
}

function arrived(message) {
  const isKnown = store.rooms.has(message.roomId), isNewest = store.receive(message);
  if (!isKnown) loadRoom(message.roomId).catch(() => {});
  typing.ended(message.roomId, message.senderId);
  if (message.senderId === store.me.id) return;
  store.receipts.delivered(message.roomId, message.id);
  const room = store.rooms.get(message.roomId);
  if (isNewest && room?.notify !== 'none') announce(t('announce.message', { name: store.users.nameOf(message.senderId), text: previewOf(message) }));
}

function reacted(message, { userId, emoji, removed }) {
  const reactions = message.reactions.map((one) => ({ ...one, userIds: one.userIds.filter((id) => one.emoji !== emoji || id !== userId) }));
  if (!removed) {
    const held = reactions.find((one) => one.emoji === emoji);
    if (held) held.userIds.push(userId);
    else reactions.push({ emoji, userIds: [userId] });
  }
  return { ...message, reactions: reactions.filter((one) => one.userIds.length) };
}

function membersChanged(roomId, difference, user) {
  const room = store.rooms.get(roomId);
  if (room) store.putRoom({ id: roomId, memberCount: room.memberCount + difference });
  if (user) store.users.put(user);
  store.changed('members', roomId);
}

/** A message in one line of words. */
export function previewOf(message) {
  if (message.deletedAt) return t('message.deleted');
  if (message.content) return message.content.replace(/\s+/g, ' ').slice(0, 200);
  const kind = message.attachments?.[0]?.kind ?? 'file';
  return kind === 'file' ? message.attachments?.[0]?.filename ?? t('message.file') : t(`message.${kind}`);
}
