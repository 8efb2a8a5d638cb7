/**
 * What is kept in this browser: little things of all who use it (localStorage), and one database for each user (IndexedDB). Where the
 * browser has none of it (cookies blocked, perhaps), it is kept until the page is closed, or not at all.
 * @module
 */
const STORES = ['state', 'tails', 'outbox'];

/** localStorage, or what stands in for it. */
export const kept = keeper();

function keeper() {
  try {
    return localStorage;
  } catch {
    const held = new Map();
    return { getItem: (key) => held.get(key) ?? null, setItem: (key, value) => held.set(key, value), removeItem: (key) => held.delete(key) };
  }
}

export class Storage {
  #database = null;

  /** Opens what is kept of a user. */
  static async open(userId) {
    const storage = new Storage();
    storage.name = `chat-${userId}`;
    try {
      const opening = indexedDB.open(storage.name, 1);
      opening.onupgradeneeded = () => STORES.forEach((name) => opening.result.createObjectStore(name));
      storage.#database = await result(opening);
      storage.#database.onversionchange = () => storage.close();  // another tab signs out
    } catch { /* a private window, perhaps: it works, and forgets */ }
    return storage;
  }

  async get(store, key) { return this.#database ? result(this.#database.transaction(store).objectStore(store).get(key)) : undefined; }

  async getAll(store) { return this.#database ? result(this.#database.transaction(store).objectStore(store).getAll()) : []; }

  /** Writes `[store, key, value]` all together or not at all; without a value the key goes. */
  write(entries) {
    if (!this.#database || !entries.length) return;
    try {
      const transaction = this.#database.transaction(STORES, 'readwrite');
      for (const [store, key, value] of entries) {
        if (value === undefined) transaction.objectStore(store).delete(key);
        else transaction.objectStore(store).put(value, key);
      }
      transaction.commit();  // at once: the page may be going away
    } catch { /* closed meanwhile, or full */ }
  }

  close() {
    this.#database?.close();
    this.#database = null;
  }

  /** Forgets all of it. */
  remove() {
    if (!this.#database) return;
    this.close();
    indexedDB.deleteDatabase(this.name);
  }
}

function result(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = request.onblocked = () => reject(request.error);
  });
}
