/**
 * The history of one room as it is looked at: the newest messages, or a piece of the past that one has jumped to.
 * @module
 */
import { api } from './api.js';
import { merged } from './messages.js';
import { store } from './store.js';

const PAGE = 50, MAX_UNREAD = 1000;

export class History {
  #loading = new Map();

  constructor(roomId) { this.roomId = roomId; }

  get #piece() { return store.messages.piece?.roomId === this.roomId ? store.messages.piece : null; }

  /** The messages, oldest first. */
  get messages() { return this.#piece?.messages ?? store.messages.of(this.roomId); }

  /** Whether anything is held, though it may be nothing at all. */
  get isLoaded() { return Boolean(this.#piece ?? store.messages.tail(this.roomId)); }

  get hasOlder() { return (this.#piece ?? store.messages.tail(this.roomId))?.hasOlder ?? true; }

  /** Whether the newest messages are not among them. */
  get hasNewer() { return Boolean(this.#piece); }

  /** Back to the newest messages. */
  newest() {
    store.messages.piece = null;
    if (this.isLoaded) return store.changed('messages', this.roomId);
    return this.#once('newest', () => store.messages.begin(this.roomId, this.#page(`limit=${PAGE}`)));
  }

  /** One more page of the past. */
  older(limit = PAGE) {
    const [first] = this.messages;
    if (!first || !this.hasOlder) return undefined;
    return this.#once('older', async () => {
      const { messages, next } = await this.#page(`limit=${limit}&before=${first.id}`);
      if (!this.#piece) return store.messages.extend(this.roomId, messages, Boolean(next));
      return this.#show(merged(messages, this.#piece.messages), Boolean(next));
    });
  }

  /** One more page towards the newest. */
  newer() {
    const last = this.#piece?.messages.at(-1);
    if (!last) return undefined;
    return this.#once('newer', async () => {
      const { messages, next } = await this.#page(`limit=${PAGE}&after=${last.id}`);
      if (this.#piece) this.#show(merged(this.#piece.messages, messages), this.hasOlder, !next);
    });
  }

  /** Goes to where a message stands. */
  async around(messageId) {
    if (this.messages.some(({ id }) => id === messageId)) return;
    const [before, after] = await Promise.all([this.#page(`limit=${PAGE}&before=${messageId + 1}`), this.#page(`limit=${PAGE}&after=${messageId}`)]);
    this.#show([...before.messages, ...after.messages], Boolean(before.next), !after.next);
  }

  /** Goes to a day; resolves to the id of its first message, or of the first one after it, if there is any. */
  async day(date) {
    const before = await this.#page(`limit=${PAGE}&cursor=${encodeURIComponent(date.toISOString())}`);
    const after = await this.#page(`limit=${PAGE}&after=${before.messages.at(-1)?.id ?? 0}`);
    this.#show([...before.messages, ...after.messages], Boolean(before.next), !after.next);
    return (after.messages[0] ?? before.messages.at(-1))?.id;
  }

  /** Loads so much of the past that all unread messages are there; resolves to the id of the first. */
  async firstUnread(count) {
    const unread = () => this.messages.filter((message) => message.senderId !== store.me.id).slice(-count);
    while (unread().length < count && this.hasOlder && this.messages.length < MAX_UNREAD) await this.older(100);
    return unread()[0]?.id;
  }

  /** Loads a message anew: the addresses of its files are good for an hour or two. */
  async refresh(messageId) {
    const { messages } = await this.#page(`limit=1&before=${messageId + 1}`);
    if (messages[0]?.id === messageId) store.receive(messages[0]);
  }

  // A piece that has reached the newest messages is the tail from then on.
  #show(messages, hasOlder, isNewest = false) {
    const [first] = store.messages.of(this.roomId);
    if (isNewest || (first && messages.at(-1)?.id >= first.id)) {
      store.messages.piece = null;
      return store.messages.extend(this.roomId, messages, hasOlder);
    }
    store.messages.piece = { roomId: this.roomId, messages, hasOlder };
    return store.changed('messages', this.roomId);
  }

  #page(query) { return api.get(`/api/rooms/${this.roomId}/messages?${query}`); }

  #once(name, load) {
    if (!this.#loading.has(name)) this.#loading.set(name, load().finally(() => this.#loading.delete(name)));
    return this.#loading.get(name);
  }
}
