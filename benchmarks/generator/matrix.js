'use strict';
// A Matrix client: it sends by PUT, which is answered once the event is stored, and learns of messages by one long poll
// of /sync after the other, over a connection of its own.
const { HttpClient } = require('./http');
const { openEach } = require('./frames');
const { inParallel } = require('./measure');

const PASSWORD = 'secret-pass-1';
const POLL_MS = 30000;
const [NEXT, MESSAGE] = ['"next_batch":"', '"msgtype":'].map((text) => Buffer.from(text));
const FILTER = encodeURIComponent(JSON.stringify({
  presence: { types: [] },
  account_data: { types: [] },
  room: { timeline: { limit: 100 }, state: { lazy_load_members: true }, ephemeral: { types: [] }, account_data: { types: [] } },
}));
let polls = 0;

class MatrixClient {
  constructor(target, { token }) {
    this.token = token;
    this.packets = 0; // answers of polls
    this.arrived = 0; // messages of rooms
    this.onMessage = null;
    this.isClosed = false;
    this.receiving = new HttpClient(target);
    this.sending = null;
    this.target = target;
  }

  async open() {
    this.since = this.took(await this.poll(0));
    this.arrived = 0; // what was there before
    this.receive();
    return this;
  }

  // Each waits for a time of its own, since the server takes equal requests of a user together.
  poll(wait) {
    const since = this.since ? `&since=${this.since}` : '';
    return this.receiving.request('GET', `/_matrix/client/v3/sync?filter=${FILTER}&timeout=${wait}${since}&set_presence=offline`,
      { token: this.token });
  }

  async receive() {
    while (!this.isClosed) {
      const answer = await this.poll(POLL_MS + polls++);
      if (answer.status !== 200) break;
      this.since = this.took(answer);
      this.packets++;
    }
    this.isClosed = true;
  }

  took({ status, body }) {
    if (status !== 200) throw new Error(`sync: ${status} ${body}`);
    for (let at = body.indexOf(MESSAGE); at >= 0; at = body.indexOf(MESSAGE, at + 1)) {
      this.arrived++;
      if (this.onMessage) this.onMessage();
    }
    const at = body.indexOf(NEXT) + NEXT.length;
    return body.toString('latin1', at, body.indexOf('"', at));
  }

  async post(room, mark, text) {
    if (!this.sending) this.sending = new HttpClient(this.target);
    await this.sending.json('PUT', `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/m.room.message/${mark}`,
      { token: this.token, body: { msgtype: 'm.text', body: `${mark} ${text}` } });
  }

  close() {
    this.isClosed = true;
    this.receiving.close();
    if (this.sending) this.sending.close();
  }
}

const openAll = (target, users, atOnce = 32) => openEach(users, (user) => new MatrixClient(target, user), atOnce);

async function makeUsers(target, tag, count) {
  const users = new Array(count);
  const clients = Array.from({ length: 4 }, () => new HttpClient(target));
  await inParallel(count, clients.length, async (index) => {
    const client = clients.pop();
    const name = `${tag}${index}`;
    const body = { username: name, password: PASSWORD, auth: { type: 'm.login.dummy' } };
    users[index] = { name, token: (await client.json('POST', '/_matrix/client/v3/register', { body })).access_token };
    clients.push(client);
  });
  clients.forEach((client) => client.close());
  return users;
}

async function makeRoom(target, members) {
  const client = new HttpClient(target);
  const { room_id: room } = await client.json('POST', '/_matrix/client/v3/createRoom', {
    token: members[0].token, body: { preset: 'public_chat' } });
  for (const { token } of members.slice(1)) {
    await client.json('POST', `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/join`, { token, body: {} });
  }
  client.close();
  return room;
}

async function prepare({ target, rooms, members, crowd, idle }) {
  const users = await makeUsers(target, 'user', rooms * members);
  const made = { users, members, rooms: [] };
  for (let index = 0; index < rooms; index++) {
    made.rooms.push(await makeRoom(target, users.slice(index * members, (index + 1) * members)));
  }
  made.crowd = await makeUsers(target, 'crowd', crowd);
  made.crowdRoom = await makeRoom(target, made.crowd);
  made.idle = await makeUsers(target, 'idle', idle);
  return made;
}

module.exports = { openAll, prepare };
