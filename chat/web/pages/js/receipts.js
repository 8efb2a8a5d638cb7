/**
 * Receipts: how far each member has read, and how far messages were delivered to it, as events tell it; and what this user has read.
 * @module
 */
import { api } from './api.js';
import { connection } from './connection.js';

const GATHER = 250;         // milliseconds until what is read is told
const MAX_MEMBERS = 100;    // of a room, whose receipts are kept

export class Receipts {
  #rooms = new Map();     // room id → Map of user id → { read, readAt, delivered, deliveredAt }
  #untold = new Map();    // what is to be told: `event roomId` → message id
  #told = new Map();

  constructor(store) {
    this.store = store;
    connection.addEventListener('online', () => this.#tellAll());
  }

  load(tails) { for (const { roomId, receipts } of tails) this.#rooms.set(roomId, new Map(receipts)); }

  toKeep(roomId) { return [...(this.#rooms.get(roomId) ?? [])]; }

  /** Takes an event: `kind` is `read` or `delivered`. */
  take(kind, { roomId, messageId, userId, ...times }) {
    if (userId === this.store.me.id) {
      if (kind === 'read') this.store.readUpTo(roomId, messageId);
      return;
    }
    const room = this.#rooms.get(roomId) ?? new Map(), held = room.get(userId) ?? {};
    this.#rooms.set(roomId, room);
    if ((held[kind] ?? 0) >= messageId) return;
    room.delete(userId);
    room.set(userId, { ...held, [kind]: messageId, [`${kind}At`]: times[`${kind}At`] });
    if (room.size > MAX_MEMBERS) room.delete(room.keys().next().value);
    this.store.changed('receipts', roomId);
  }

  /** Whoever writes has read what stands before; no event says so. */
  wrote({ id, roomId, senderId, createdAt }) {
    if (senderId !== this.store.me.id) this.take('read', { roomId, userId: senderId, messageId: id, readAt: createdAt });
  }

  /** Asks whom a message has reached: what events told while nobody was here is not known. */
  async learn({ roomId, id }) {
    const { receipts } = await api.get(`/api/rooms/${roomId}/messages/${id}/receipts`);
    for (const { userId, deliveredAt, readAt } of receipts) {
      this.take('delivered', { roomId, messageId: id, userId, deliveredAt });
      if (readAt) this.take('read', { roomId, messageId: id, userId, readAt });
    }
  }

  /** Who has read a message, who was only delivered it: `{ read: [[userId, time]], delivered: [[userId, time]] }`. */
  of(message) {
    const entries = [...(this.#rooms.get(message.roomId) ?? [])];
    const read = entries.filter(([, one]) => (one.read ?? 0) >= message.id).map(([id, one]) => [id, one.readAt]);
    if (message.readAt && !read.length && message.receiverId) read.push([message.receiverId, message.readAt]);
    const isRead = new Set(read.map(([id]) => id));
    const delivered = entries.filter(([id, one]) => (one.delivered ?? 0) >= message.id && !isRead.has(id)).map(([id, one]) => [id, one.deliveredAt]);
    if (message.deliveredAt && !delivered.length && message.receiverId && !isRead.size) delivered.push([message.receiverId, message.deliveredAt]);
    return { read, delivered };
  }

  /** Tells the server, soon, that messages up to this one were read here. */
  read(roomId, messageId) {
    this.store.readUpTo(roomId, messageId);
    this.#tell('read_receipt', roomId, messageId);
  }

  /** The same of messages that have only arrived. In the lobby nobody is told. */
  delivered(roomId, messageId) { if (this.store.rooms.get(roomId)?.kind !== 'lobby') this.#tell('delivered', roomId, messageId); }

  #tell(event, roomId, messageId) {
    const key = `${event} ${roomId}`;
    if ((this.#told.get(key) ?? 0) >= messageId) return;
    this.#told.set(key, messageId);
    this.#untold.set(key, messageId);
    this.timer ??= setTimeout(() => this.#tellAll(), GATHER);
  }

  // What is not told yet; it waits while there is no line.
  #tellAll() {
    this.timer = null;
    if (connection.state !== 'online') return;
    for (const [key, messageId] of this.#untold) connection.ask(key.split(' ')[0], { messageId }).catch(() => this.#told.delete(key));
    this.#untold.clear();
  }
}
