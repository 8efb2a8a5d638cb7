/**
 * The members of rooms, asked for when they are wanted and kept for a while.
 * @module
 */
import { api } from './api.js';
import { store } from './store.js';

const MAX_ROOMS = 20;
const held = new Map();  // room id → promise of [{ user, role, joinedAt }]

store.addEventListener('members', ({ detail }) => held.delete(detail.roomId));

/** The members of a room (the first thousand), by user id. */
export function membersOf(room) {
  if (!room.id) return Promise.resolve([]);
  if (!held.has(room.id)) {
    const asked = api.get(`/api/rooms/${room.id}/members`).then(({ members }) => {
      members.forEach(({ user }) => store.users.put(user));
      return members;
    });
    asked.catch(() => held.delete(room.id));
    held.set(room.id, asked);
    if (held.size > MAX_ROOMS) held.delete(held.keys().next().value);
  }
  return held.get(room.id);
}
