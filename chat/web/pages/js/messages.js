/**
 * The messages that are held: of each room a tail, which is a piece of its history without gaps that ends with the newest; and of
 * the conversation that is open, where one has jumped back, a second piece. What lies between is known to be missing.
 * @module
 */
const MAX_TAILS = 50;        // rooms
const MAX_KEPT = 100;        // messages of each in IndexedDB
const MAX_CLOSED = 300;      // messages of a room that is not open, in memory

export class Messages {
  #tails = new Map();  // the room used last is last
  #told = new Map();   // room id → what is told while its newest page is on its way
  openRoom = null;     // the id of the room that is looked at
  piece = null;        // { roomId, messages, hasOlder }: where one has jumped to in it

  constructor(store) { this.store = store; }

  load(tails) { for (const { roomId, messages, hasOlder } of tails) this.#tails.set(roomId, { messages, hasOlder }); }

  /** What goes into IndexedDB of a room, if anything is held. */
  toKeep(roomId) {
    const tail = this.#tails.get(roomId);
    return tail && { roomId, messages: tail.messages.slice(-MAX_KEPT), hasOlder: tail.hasOlder || tail.messages.length > MAX_KEPT };
  }

  /** The newest messages of a room, oldest first. */
  of(roomId) { return this.#tails.get(roomId)?.messages ?? []; }

  /** The tail of a room: `{ messages, hasOlder }`, or undefined. */
  tail(roomId) { return this.#tails.get(roomId); }

  /** The message if it is held. */
  find(roomId, id) {
    return [this.of(roomId), this.piece?.roomId === roomId ? this.piece.messages : []].flatMap((list) => list[indexOf(list, id)] ?? [])[0];
  }

  /** Takes the newest page of a room, and then what was told while it was on its way, of which it need not know. */
  async begin(roomId, page) {
    const told = [];
    this.#told.set(roomId, told);
    const { messages, next } = await page.finally(() => this.#told.delete(roomId));
    this.extend(roomId, messages, Boolean(next));
    told.forEach((again) => again());
  }

  /** Puts a page into a room's tail: the newest ones, or such as join it. */
  extend(roomId, page, hasOlder) {
    const tail = this.#tails.get(roomId) ?? { messages: [], hasOlder: true };
    this.#tails.delete(roomId);
    this.#tails.set(roomId, tail);
    tail.messages = merged(tail.messages, page);
    page.forEach((message) => this.store.receipts.wrote(message));
    if (hasOlder !== undefined) tail.hasOlder = hasOlder;
    for (const id of [...this.#tails.keys()].slice(0, -MAX_TAILS)) this.forget(id);
    this.store.changed('messages', roomId);
  }

  /** Takes a message as it is now. Of what lies before the held piece nothing is taken: that would make a gap. */
  take(message) {
    const { roomId } = message;
    this.#told.get(roomId)?.push(() => this.take(message));
    this.store.receipts.wrote(message);
    for (const held of this.#pieces(roomId)) {
      const { messages } = held, place = placeOf(messages, message.id), before = messages[place]?.id === message.id && messages[place];
      if (before) messages[place] = { ...message, deliveredAt: message.deliveredAt ?? before.deliveredAt, readAt: message.readAt ?? before.readAt };
      else if (held !== this.piece && (place > 0 || !held.hasOlder)) messages.splice(place, 0, message);
    }
    if (roomId !== this.openRoom) this.#trim(roomId);
    this.store.changed('messages', roomId);
  }

  /** Changes a message if it is held. */
  change(roomId, id, change) {
    this.#told.get(roomId)?.push(() => this.change(roomId, id, change));
    for (const { messages } of this.#pieces(roomId)) {
      const place = indexOf(messages, id);
      if (place >= 0) messages[place] = change(messages[place]);
    }
    this.store.changed('messages', roomId);
  }

  /** The room is no longer looked at: what was loaded of its past goes. */
  close(roomId) {
    if (this.openRoom === roomId) this.openRoom = this.piece = null;
    this.#trim(roomId);
  }

  #trim(roomId) {
    const tail = this.#tails.get(roomId);
    if (!tail || tail.messages.length <= MAX_CLOSED) return;
    Object.assign(tail, { messages: tail.messages.slice(-MAX_CLOSED), hasOlder: true });
  }

  forget(roomId) {
    if (this.piece?.roomId === roomId) this.piece = null;
    if (this.#tails.delete(roomId)) this.store.changed('messages', roomId);
  }

  forgetAll() { [...this.#tails.keys()].forEach((roomId) => this.forget(roomId)); }

  #pieces(roomId) { return [this.#tails.get(roomId), this.piece?.roomId === roomId && this.piece].filter(Boolean); }
}

/** The place of the first entry of a list in order that is not `before` what is looked for, found by halving. */
export function firstNot(list, before) {
  let from = 0, to = list.length;
  while (from < to) {
    const middle = (from + to) >> 1;
    if (before(list[middle])) from = middle + 1;
    else to = middle;
  }
  return from;
}

// Where a message of that id stands in a list by id, or would.
function placeOf(messages, id) { return firstNot(messages, (message) => message.id < id); }

function indexOf(messages, id) {
  const place = placeOf(messages, id);
  return messages[place]?.id === id ? place : -1;
}

/** Two lists by id as one; what stands in both is taken from the second. */
export function merged(first, second) {
  const all = new Map([...first, ...second].map((message) => [message.id, message]));
  return [...all.values()].sort((a, b) => a.id - b.id);
}
