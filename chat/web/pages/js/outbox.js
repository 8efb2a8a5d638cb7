/**
 * Messages on their way out: kept in IndexedDB under a clientId each, so that whatever happens to the line or to the page each is
 * sent once, in order. An entry is `{ clientId, key, receiver, content, attachments, replyToId, createdAt, state, problem }` with the
 * state `sending`, `waiting` (for the line, or for the room's limit) or `failed`.
 * @module
 */
import { ApiError } from './api.js';
import { connection } from './connection.js';
import { store } from './store.js';
import { t } from './texts.js';

const TRY_AGAIN = 5;   // seconds, where the server does not say
const MAX_ENTRIES = 500;

/** Fires `change`, and `sent` with `{ key, message }` as detail. */
class Outbox extends EventTarget {
  #entries = new Map();
  #running = new Set();

  /** Loads what could not be sent before, and sends whenever there is a line. */
  async open() {
    const kept = await store.storage.getAll('outbox');
    kept.sort((a, b) => a.number - b.number).forEach((entry) => this.#entries.set(entry.clientId, entry));
    connection.addEventListener('online', () => this.flush());
    connection.addEventListener('state', () => this.#settle());
    store.addEventListener('messages', ({ detail }) => this.#arrived(detail.roomId));
    this.#settle();
    this.flush();
  }

  /** What is to be sent to a conversation, in order. */
  of(key) { return [...this.#entries.values()].filter((entry) => entry.key === key); }

  /** Takes a message to `{ roomId }` or `{ toUserId }`. Throws an ApiError if too many wait already. */
  send(key, receiver, { content, attachments = [], replyToId = null }) {
    if (this.#entries.size >= MAX_ENTRIES) throw new ApiError(0, { code: 'offline' });
    const createdAt = new Date().toISOString(), number = Date.now() + this.#entries.size / 1000;
    const entry = { clientId: newId(), key, receiver, content, attachments, replyToId, createdAt, number, state: 'waiting' };
    this.#entries.set(entry.clientId, entry);
    this.#keep(entry);
    this.#flush(key);
  }

  /** Sends one that failed again. */
  retry(clientId) {
    const entry = this.#entries.get(clientId);
    if (!entry) return;
    Object.assign(entry, { state: 'waiting', problem: undefined });
    this.#keep(entry);
    this.#flush(entry.key);
  }

  /** Gives one up. */
  discard(clientId) {
    this.#entries.delete(clientId);
    store.storage.write([['outbox', clientId, undefined]]);
    this.dispatchEvent(new Event('change'));
  }

  /** Sends what waits. */
  flush() { new Set([...this.#entries.values()].map(({ key }) => key)).forEach((key) => this.#flush(key)); }

  async #flush(key) {
    if (this.#running.has(key)) return;
    this.#running.add(key);
    try {
      for (let entry; connection.state === 'online' && (entry = this.of(key).find((one) => one.state !== 'failed'));) await this.#try(entry);
    } finally { this.#running.delete(key); }
  }

  async #try(entry) {
    this.#become(entry, 'sending');
    try {
      const { clientId, receiver, content, attachments, replyToId } = entry;
      const { message } = await connection.ask('send_message', { ...receiver, content, attachmentIds: attachments.map(({ id }) => id),
        ...(replyToId && { replyToId }), clientId });
      store.receive(message);
      this.discard(clientId);
      this.dispatchEvent(new CustomEvent('sent', { detail: { key: entry.key, message } }));
    } catch (error) {
      if (!error.isPassing) return this.#become(entry, 'failed', error.message);
      this.#become(entry, 'waiting', error.code === 'rate_limited' ? t('outbox.limited', { seconds: error.retryAfter ?? TRY_AGAIN }) : undefined);
      if (error.status) await new Promise((resolve) => setTimeout(resolve, 1000 * (error.retryAfter ?? TRY_AGAIN)));
    }
  }

  // A room's event may come before the acknowledgement, or instead of one that was lost.
  #arrived(roomId) {
    for (const { clientId } of this.of(roomId)) {
      if (store.messages.of(roomId).some((message) => message.clientId === clientId && message.senderId === store.me.id)) this.discard(clientId);
    }
  }

  #settle() {
    if (connection.state === 'online') return;
    this.#entries.forEach((entry) => entry.state === 'sending' && this.#become(entry, 'waiting'));
  }

  #become(entry, state, problem) {
    if (!this.#entries.has(entry.clientId)) return;
    Object.assign(entry, { state, problem });
    this.#keep(entry);
  }

  #keep(entry) {
    store.storage.write([['outbox', entry.clientId, { ...entry }]]);
    this.dispatchEvent(new Event('change'));
  }
}

// crypto.randomUUID is there on https and localhost only.
function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

export const outbox = new Outbox();
