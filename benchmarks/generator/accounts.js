'use strict';
// Accounts and rooms by the standard API, as this server and those of Node.js have it.
const { HttpClient } = require('./http');
const { openAll } = require('./sockets');
const { inParallel, settle, sleep } = require('./measure');

const PASSWORD = 'secret-pass-1';
const TEXT = 'the quick brown fox jumps over the lazy dog';

async function makeUsers(target, tag, count) {
  const users = new Array(count);
  const clients = Array.from({ length: 4 }, () => new HttpClient(target));
  let next = 0;
  await Promise.all(clients.map(async (client) => {
    while (next < count) {
      const index = next++;
      const name = `${tag}${index}`;
      const body = { username: name, email: `${name}@example.com`, password: PASSWORD };
      const { token, user } = await client.json('POST', '/api/auth/register', { body });
      users[index] = { id: user.id, name, token };
    }
  }));
  clients.forEach((client) => client.close());
  return users;
}

async function makeRoom(target, name, members) {
  const clients = Array.from({ length: 4 }, () => new HttpClient(target));
  const { room } = await clients[0].json('POST', '/api/rooms', { token: members[0].token, body: { name } });
  await inParallel(members.length - 1, clients.length, async (index) => {
    const client = clients.pop();
    await client.json('POST', '/api/rooms/join', { token: members[index + 1].token, body: { roomId: room.id } });
    clients.push(client);
  });
  clients.forEach((client) => client.close());
  return room.id;
}

// A user in so many rooms of six, in each of which somebody else has written.
async function makeReader(target, count) {
  const [reader, ...others] = await makeUsers(target, `reader${count}of`, 6);
  reader.rooms = [];
  for (let index = 0; index < count; index++) {
    reader.rooms.push(await makeRoom(target, `room ${index} of ${count}`, [others[0], reader, ...others.slice(1)]));
  }
  const clients = await openAll(target, [others[0]]);
  await settle(clients);
  reader.rooms.forEach((roomId) => clients[0].emit('send_message', { roomId, content: TEXT }));
  while (clients[0].arrived < count) await sleep(10);
  clients[0].close();
  return reader;
}

async function prepare({ target, rooms, members, crowd, idle, readers }) {
  const users = await makeUsers(target, 'user', rooms * members);
  const made = { users, members, rooms: [] };
  for (let index = 0; index < rooms; index++) {
    made.rooms.push(await makeRoom(target, `room ${index}`, users.slice(index * members, (index + 1) * members)));
  }
  made.crowd = await makeUsers(target, 'crowd', crowd);
  made.crowdRoom = await makeRoom(target, 'crowd', made.crowd);
  made.idle = await makeUsers(target, 'idle', idle);
  made.readers = {};
  for (const count of readers) made.readers[count] = await makeReader(target, count);
  made.smallHistory = await makeRoom(target, 'small history', users.slice(0, 2));
  made.largeHistory = await makeRoom(target, 'large history', users.slice(0, 2));
  return made;
}

module.exports = { PASSWORD, TEXT, makeRoom, makeUsers, prepare };
