/**
 * What this browser knows: rooms, users, messages, receipts, drafts. In memory, within bounds, and a copy of it in IndexedDB, so that
 * it can be shown at once and without a line. It fires `rooms`, `users`, `messages`, `receipts` and `drafts` when these change.
 * @module
 */
import { Messages } from './messages.js';
import { Receipts } from './receipts.js';
import { Storage } from './storage.js';
import { t } from './texts.js';
import { Users } from './users.js';

const SAVE_AFTER = 500;  // milliseconds in which changes gather
const MAX_DRAFTS = 200;

class Store extends EventTarget {
  me = null;
  rooms = new Map();
  drafts = new Map();     // by conversation: a room's id, or `with-<userId>` before there is a room
  place = null;           // where the next `sync` goes on
  users = new Users(this);
  messages = new Messages(this);
  receipts = new Receipts(this);
  #dirty = new Set();
  #timer = null;

  /** Loads what was last known of and for this user. */
  async open(me) {
    this.me = me;
    this.storage = await Storage.open(me.id);
    const [state = {}, tails] = await Promise.all([this.storage.get('state', 'known'), this.storage.getAll('tails')]);
    this.users.load([...(state.users ?? []), me]);
    this.setRooms(state.rooms ?? []);
    this.drafts = new Map(state.drafts);
    this.messages.load(tails);
    this.receipts.load(tails);
    this.place = state.place ?? null;
    this.isFresh = !state.rooms;  // nothing is known yet: an empty inbox means "loading"
    addEventListener('pagehide', () => this.save());
  }

  /** Forgets everything, here and in IndexedDB. */
  async forget() {
    clearTimeout(this.#timer);
    this.#dirty.clear();
    this.storage?.remove();
  }

  /** Tells that something of this kind has changed; `roomId` where it is of one room. */
  changed(kind, roomId) {
    this.dispatchEvent(new CustomEvent(kind, { detail: { roomId } }));
    this.#dirty.add(kind === 'messages' || kind === 'receipts' ? roomId : 'known');
    this.#timer ??= setTimeout(() => this.save(), SAVE_AFTER);
  }

  /** Writes what has changed; the place goes with the messages that lead to it. */
  save() {
    clearTimeout(this.#timer);
    this.#timer = null;
    const known = { users: this.users.toKeep(), rooms: [...this.rooms.values()], drafts: [...this.drafts].slice(-MAX_DRAFTS), place: this.place };
    const tails = [...this.#dirty].filter((roomId) => roomId !== 'known')
      .map((roomId) => ['tails', roomId, this.messages.toKeep(roomId) && { ...this.messages.toKeep(roomId), receipts: this.receipts.toKeep(roomId) }]);
    this.#dirty.clear();
    this.storage?.write([['state', 'known', known], ...tails]);
  }

  // -------------------------------------------------------------------- rooms

  /** The conversations as the inbox shows them: pinned ones first, then the newest. */
  inbox() {
    const newest = (room) => room.lastMessage?.createdAt ?? room.createdAt;
    return [...this.rooms.values()].sort((a, b) => b.isPinned - a.isPinned || newest(b).localeCompare(newest(a)));
  }

  /** Takes the list of all conversations; what events have told meanwhile of newer messages stays. */
  setRooms(rooms) {
    const before = this.rooms;
    this.rooms = new Map(rooms.map((room) => {
      const held = before.get(room.id), isNewer = (held?.lastMessage?.id ?? 0) > (room.lastMessage?.id ?? 0);
      return [room.id, isNewer ? { ...room, lastMessage: held.lastMessage, unreadCount: held.unreadCount, mentionCount: held.mentionCount } : room];
    }));
    for (const room of rooms) if (room.otherUser) this.users.put(room.otherUser);
    this.isFresh = false;
    this.changed('rooms');
  }

  /** Takes one conversation, or a part of what is known of it. */
  putRoom(room) {
    this.rooms.set(room.id, { ...this.rooms.get(room.id), ...room });
    if (room.otherUser) this.users.put(room.otherUser);
    this.changed('rooms');
  }

  /** Forgets a conversation that one is no longer in. */
  removeRoom(roomId) {
    this.rooms.delete(roomId);
    this.messages.forget(roomId);
    this.changed('rooms');
  }

  /** The direct conversation with a user, if there is one. */
  roomWith(userId) { return [...this.rooms.values()].find((room) => room.otherUser?.id === userId); }

  /** How a room is called. */
  nameOf(room) { return room.otherUser ? this.users.nameOf(room.otherUser.id) : room.name; }

  /** Who has written a message, as its reader calls them. */
  authorOf({ senderId }) { return senderId === this.me.id ? t('user.you') : this.users.nameOf(senderId); }

  /** Takes a message, as an event, an acknowledgement or `sync` brings it. Returns whether it is the newest of its room. */
  receive(message) {
    this.messages.take(message);
    const room = this.rooms.get(message.roomId), last = room?.lastMessage?.id ?? 0;
    if (!room || message.id < last) return false;
    const isUnread = message.id > last && message.senderId !== this.me.id && !message.deletedAt;
    this.putRoom({ id: room.id, lastMessage: message, unreadCount: message.senderId === this.me.id ? 0 : room.unreadCount + isUnread,
      mentionCount: message.senderId === this.me.id ? 0 : room.mentionCount + (isUnread && message.mentions.includes(this.me.id)) });
    return message.id > last;
  }

  /** Changes a message that is held, if it is: `change` gets it and returns it as it is now. */
  change(roomId, messageId, change) {
    this.messages.change(roomId, messageId, change);
    const room = this.rooms.get(roomId);
    if (room?.lastMessage?.id === messageId) this.putRoom({ id: roomId, lastMessage: change(room.lastMessage) });
  }

  /** Everything up to a message of the room is read. */
  readUpTo(roomId, messageId) {
    const room = this.rooms.get(roomId);
    if (!room?.unreadCount && !room?.mentionCount) return;
    const left = messageId >= (room.lastMessage?.id ?? 0) ? []
      : this.messages.of(roomId).filter((one) => one.id > messageId && one.senderId !== this.me.id && !one.deletedAt);
    this.putRoom({ id: roomId, unreadCount: Math.min(left.length, room.unreadCount),
      mentionCount: Math.min(room.mentionCount, left.filter((one) => one.mentions.includes(this.me.id)).length) });
  }

  /** Keeps what is typed and not sent; nothing typed, nothing kept. */
  setDraft(key, text) {
    if (text === (this.drafts.get(key) ?? '')) return;
    if (text.trim()) this.drafts.set(key, text);
    else this.drafts.delete(key);
    this.changed('drafts');
  }
}

export const store = new Store();
