/**
 * Who is typing, and telling others that one is.
 * @module
 */
import { connection } from './connection.js';

const TELL_EVERY = 3000, LASTS = 7000;  // milliseconds; the server itself ends it after 6 s without a word

/** Fires `change` with the room's id as detail. */
class Typing extends EventTarget {
  #timers = new Map();  // room id → Map of user id → timer
  #told = null;         // { key, at }

  /** The ids of those who type in a room. */
  in(roomId) { return [...(this.#timers.get(roomId)?.keys() ?? [])]; }

  /** Takes the server's event. */
  take({ roomId, userId, isTyping }) {
    this.ended(roomId, userId);
    if (!isTyping) return;
    const room = this.#timers.get(roomId) ?? new Map();
    this.#timers.set(roomId, room);
    room.set(userId, setTimeout(() => this.ended(roomId, userId), LASTS));
    this.dispatchEvent(new CustomEvent('change', { detail: roomId }));
  }

  /** Somebody has stopped, or sent what it was typing. */
  ended(roomId, userId) {
    const room = this.#timers.get(roomId);
    clearTimeout(room?.get(userId));
    if (!room?.delete(userId)) return;
    if (!room.size) this.#timers.delete(roomId);
    this.dispatchEvent(new CustomEvent('change', { detail: roomId }));
  }

  /** Tells that this user types to `{ roomId }` or `{ toUserId }`, at most every few seconds; or, at once, no longer. */
  tell(receiver, isTyping) {
    const key = JSON.stringify(receiver), isTold = this.#told?.key === key;
    if (isTyping ? isTold && Date.now() - this.#told.at < TELL_EVERY : !isTold) return;
    this.#told = isTyping ? { key, at: Date.now() } : null;
    connection.ask('typing', { ...receiver, isTyping }).catch(() => {});
  }
}

export const typing = new Typing();
