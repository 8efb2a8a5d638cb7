/**
 * Users: who they are, whether they are there, and how they are shown.
 * @module
 */
import { api } from './api.js';
import { el, icon } from './dom.js';
import { formatAgo, t } from './texts.js';

const MAX_USERS = 5000, MAX_KEPT = 500, AT_ONCE = 4, COLOURS = 8;
const TURNING = /[\u202a-\u202e\u2066-\u2069]/g;  // would turn the sentence that a name stands in

export class Users {
  #users = new Map();
  #wanted = new Set();
  #unknown = new Set();
  #asking = 0;

  constructor(store) { this.store = store; }

  load(users) { users.forEach((user) => this.#users.set(user.id, user)); }

  toKeep() { return [...this.#users.values()].slice(-MAX_KEPT); }

  /** The user, or undefined while the server is being asked. */
  get(id) {
    if (!this.#users.has(id) && !this.#unknown.has(id)) this.#want(id);
    return this.#users.get(id);
  }

  nameOf(id) { return this.get(id)?.displayName.replace(TURNING, '') ?? (this.#unknown.has(id) ? t('user.gone') : '…'); }

  /** Resolves once these users are known, or can't be. */
  known(ids) { return Promise.all(ids.filter((id) => !this.#users.has(id)).map((id) => api.get(`/api/users/${id}`).then((user) => this.put(user), () => {}))); }

  put(user) {
    const held = this.#users.get(user.id);
    if (held && Object.keys(user).every((key) => held[key] === user[key])) return;
    this.#users.delete(user.id);
    this.#users.set(user.id, { ...held, ...user });
    if (this.#users.size > MAX_USERS) this.#users.delete(this.#users.keys().next().value);
    this.store.changed('users');
  }

  /** Presence, of a user that is known. */
  status({ userId, online, lastSeen }) { if (this.#users.has(userId)) this.put({ id: userId, online, lastSeen }); }

  /** All that are known, by username. */
  inOrder() { return [...this.#users.values()].sort((a, b) => a.username.localeCompare(b.username)); }

  #want(id) {
    this.#wanted.add(id);
    queueMicrotask(() => this.#ask());
  }

  async #ask() {
    while (this.#asking < AT_ONCE && this.#wanted.size) {
      const [id] = this.#wanted;
      this.#wanted.delete(id);
      this.#unknown.add(id);  // until it is answered, and if it is not
      this.#asking += 1;
      try {
        this.put(await api.get(`/api/users/${id}`));
        this.#unknown.delete(id);
      } catch (error) {
        if (error.isPassing) setTimeout(() => this.#unknown.delete(id), 10_000);
        else this.store.changed('users');
      } finally { this.#asking -= 1; }
    }
  }
}

/** What is said of somebody's presence. */
export function presenceOf(user) {
  if (user?.online) return t('presence.online');
  return user?.lastSeen ? t('presence.lastSeen', { ago: formatAgo(user.lastSeen) }) : t('presence.offline');
}

/** A picture for a user or a room: the avatar, else initials on a colour that stays the same. Decoration: the name stands beside it. */
export function avatar({ id, name, url, online, symbol, size = '' }) {
  const initials = symbol ? icon(symbol) : el('span', {}, initialsOf(name ?? ''));
  const circle = el('span.circle', { class: `colour-${id % COLOURS}` }, initials);
  if (url) {
    const picture = el('img', { src: url, alt: '', loading: 'lazy', onerror: () => picture.remove() });
    circle.append(picture);
  }
  return el('span.avatar', { class: size, 'aria-hidden': 'true' }, circle, online ? el('span.presence') : null);
}

/** The avatar of a user. */
export function userAvatar(user, size) {
  return avatar({ id: user?.id ?? 0, name: user?.displayName, url: user?.avatarUrl, online: user?.online, size });
}

/** The avatar of a room. */
export function roomAvatar(room, users, size) {
  if (room.otherUser) return userAvatar(users.get(room.otherUser.id) ?? room.otherUser, size);
  return avatar({ id: room.id, name: room.name, symbol: { private: 'lock', lobby: 'people' }[room.kind] ?? 'hash', size });
}

function initialsOf(name) {
  const words = name.trim().split(/[\s._-]+/u).filter((word) => /[\p{L}\p{N}]/u.test(word));
  const letter = (word) => [...word].find((one) => /[\p{L}\p{N}]/u.test(one)) ?? '';
  return ([...new Set([words[0], words.at(-1)])].map((word) => letter(word ?? '')).join('') || '?').toUpperCase();
}
