'use strict';
// The scenarios M1 to M8. Each returns one measurement, or a list of them.
const { HttpClient } = require('./http');
const { openAll } = require('./sockets');
const { Meter, latency, memoryKiB, now, round, sleep } = require('./measure');

const PASSWORD = 'secret-pass-1';
const TEXT = 'the quick brown fox jumps over the lazy dog';
const RECEIVED = Buffer.from('receive_message');
const WARM_UP_MS = 1000;

// Whether the packet that starts there is the event of a room's message.
function isMessage(data, start) {
  const at = data.indexOf(RECEIVED, start);
  return at >= 0 && at < start + 20;
}

// ---------------------------------------------------------------------- accounts and rooms

async function inParallel(count, atOnce, work) {
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < count) await work(next++);
  }));
}

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
  const clients = await openAll([target], [others[0].token]);
  await settle(clients);
  let arrived = 0;
  clients[0].onEvent = (data, start) => { if (isMessage(data, start)) arrived++; };
  reader.rooms.forEach((roomId) => clients[0].emit('send_message', { roomId, content: TEXT }));
  while (arrived < count) await sleep(10);
  clients[0].close();
  return reader;
}

async function prepare({ target, rooms, members, crowd, readers }) {
  const users = await makeUsers(target, 'user', rooms * members);
  const made = { users, members, rooms: [] };
  for (let index = 0; index < rooms; index++) {
    made.rooms.push(await makeRoom(target, `room ${index}`, users.slice(index * members, (index + 1) * members)));
  }
  made.crowd = await makeUsers(target, 'crowd', crowd);
  made.crowdRoom = await makeRoom(target, 'crowd', made.crowd);
  [made.lone] = await makeUsers(target, 'lone', 1);
  made.readers = {};
  for (const count of readers) made.readers[count] = await makeReader(target, count);
  made.smallHistory = await makeRoom(target, 'small history', users.slice(0, 2));
  made.largeHistory = await makeRoom(target, 'large history', users.slice(0, 2));
  return made;
}

// ---------------------------------------------------------------------- the shape of a measurement

async function settle(clients) {
  let received = 0;
  let before;
  clients.forEach((client) => { client.onEvent = () => { received++; }; });
  do {
    before = received;
    await sleep(400);
  } while (received !== before);
}

// Runs `loops` (async functions that go on until `isOver()`), warms up, measures, and lets them end.
async function measure(options, loops) {
  const run = { count: 0, errors: 0, times: [], over: false };
  const running = loops.map((loop) => loop(run));
  await sleep(options.warmUpMs || WARM_UP_MS);
  run.count = 0;
  run.times = [];
  const meter = new Meter(options);
  await sleep(options.seconds * 1000);
  const reading = meter.read(run.count);
  const times = latency(run.times);
  run.over = true;
  await Promise.race([Promise.all(running), sleep(5000)]);
  return { ...reading, ...times, errors: run.errors };
}

// ---------------------------------------------------------------------- M1: rooms of 10, closed loop

async function m1(options) {
  const { targets, state, senders } = options;
  const clients = await openAll(targets, state.users.map((user) => user.token));
  await settle(clients);
  let serial = 0;
  const loops = Array.from({ length: senders }, (_, index) => async (run) => {
    const room = index % state.rooms.length;
    const client = clients[room * state.members + Math.floor(index / state.rooms.length) % state.members];
    while (!run.over) {
      const mark = `mark${serial++}.`;
      const started = now();
      await new Promise((resolve) => {
        const bytes = Buffer.from(mark);
        client.onEvent = (data, start, end) => {
          const at = data.indexOf(bytes, start);
          if (at >= 0 && at < end) resolve();
        };
        client.emit('send_message', { roomId: state.rooms[room], content: `${mark} ${TEXT}` });
      });
      run.count++;
      run.times.push(now() - started);
    }
  });
  clients.forEach((client) => { client.onEvent = null; });
  const result = await measure(options, loops);
  clients.forEach((client) => client.close());
  return result;
}

// ---------------------------------------------------------------------- M2 and M3: REST, closed loop

async function requests(options, count, request) {
  const clients = Array.from({ length: count }, () => new HttpClient(options.target));
  const loops = clients.map((client, index) => async (run) => {
    while (!run.over) {
      const started = now();
      const { status } = await request(client, index);
      if (status >= 200 && status <= 299) {
        run.count++;
        run.times.push(now() - started);
      } else {
        run.errors++;
        if (!status) return;
      }
    }
  });
  const result = await measure(options, loops);
  clients.forEach((client) => client.close());
  return result;
}

async function m2(options) {
  const { users } = options.state;
  return requests(options, options.senders, (client, index) => client.request(
    'POST', `/api/messages/send/${users[index + 1].id}`, { token: users[index].token, body: { content: TEXT } }));
}

async function m3(options) {
  const { state, room, before } = options;
  const path = `/api/rooms/${state[room]}/messages?limit=50${before ? `&before=${before}` : ''}`;
  return requests(options, options.senders, (client, index) => client.request(
    'GET', path, { token: state.users[index % 2].token }));
}

// ---------------------------------------------------------------------- M4: chat beside sign-ins

// One message each 50 ms, whatever the server does; latency counts from when it was due.
async function chat(clients, room, seconds) {
  const waiting = new Map();
  const times = [];
  clients[0].onEvent = (data, start, end) => {
    const found = /"content":"turn(\d+)\./.exec(data.toString('latin1', start, end));
    const due = found && waiting.get(found[1]);
    if (due) {
      times.push(now() - due);
      waiting.delete(found[1]);
    }
  };
  const started = now();
  for (let turn = 0; turn < seconds * 20; turn++) {
    const due = started + turn * 50;
    await sleep(Math.max(0, due - now()));
    waiting.set(String(turn), due);
    clients[0].emit('send_message', { roomId: room, content: `turn${turn}. ${TEXT}` });
  }
  const deadline = now() + 20000;
  while (waiting.size && now() < deadline) await sleep(20);
  return { ...latency(times), lost: waiting.size };
}

async function m4(options) {
  const { target, seconds, loops } = options;
  const tag = `storm${Date.now().toString(36)}`;
  const users = await makeUsers(target, tag, loops);
  const members = await makeUsers(target, `${tag}m`, 10);
  const room = await makeRoom(target, tag, members);
  const clients = await openAll([target], members.map((user) => user.token));
  await settle(clients);
  let count = 0;
  let errors = 0;
  let over = false;
  const meter = new Meter(options);
  const running = users.map(async (user) => {
    const client = new HttpClient(target);
    while (!over) {
      const { status } = await client.request('POST', '/api/auth/login', {
        body: { username: user.name, password: PASSWORD } });
      if (status === 200) count++;
      else errors++;
      if (!status) break;
    }
    client.close();
  });
  const chatted = await chat(clients, room, seconds);
  const reading = meter.read(count);
  over = true;
  await Promise.all(running);
  clients.forEach((client) => client.close());
  return { ...reading, ...chatted, errors: errors + chatted.lost };
}

// ---------------------------------------------------------------------- M5: idle connections

async function m5(options) {
  const { targets, state, pid } = options;
  const base = memoryKiB(pid);
  const results = [];
  let clients = [];
  for (const connections of options.connections) {
    const more = connections - clients.length;
    const meter = new Meter(options);
    clients = clients.concat(await openAll(targets, Array(more).fill(state.lone.token), 32));
    const reading = meter.read(more);
    await sleep(2000);
    results.push({
      ...reading,
      connections,
      errors: clients.filter((client) => client.isClosed).length,
      kibEach: round((memoryKiB(pid) - base) / connections, 1),
    });
  }
  clients.forEach((client) => client.close());
  return results;
}

// ---------------------------------------------------------------------- M6: one room of 1,000

async function m6(options) {
  const { targets, state, seconds } = options;
  const clients = await openAll(targets, state.crowd.map((user) => user.token));
  await settle(clients);
  let arrived = 0;
  let all;
  clients.forEach((client) => {
    client.onEvent = (data, start) => { if (isMessage(data, start) && ++arrived === clients.length) all(); };
  });
  const times = [];
  const round1000 = async () => {
    arrived = 0;
    const started = now();
    await new Promise((resolve) => {
      all = resolve;
      clients[0].emit('send_message', { roomId: state.crowdRoom, content: TEXT });
    });
    times.push(now() - started);
  };
  for (let warm = 0; warm < 5; warm++) await round1000();
  times.length = 0;
  const meter = new Meter(options);
  const end = now() + seconds * 1000;
  while (now() < end) await round1000();
  const reading = meter.read(times.length * clients.length);
  clients.forEach((client) => client.close());
  return { ...reading, ...latency(times), errors: 0 };
}

// ---------------------------------------------------------------------- M7: the first requests of every client

const LISTS = {
  own: () => '/api/rooms/mine',
  conversations: () => '/api/conversations',
  rooms: () => '/api/rooms',
  room: (state, reader) => `/api/rooms/${reader.rooms[0]}`,
  users: () => '/api/users',
  me: () => '/api/users/me',
  members: (state, reader) => `/api/rooms/${reader.rooms[0]}/members`,
  crowd: (state) => `/api/rooms/${state.crowdRoom}/members`,
};

async function m7(options) {
  const { state, what, rooms, senders } = options;
  const reader = state.readers[rooms];
  if (what === 'connect') return connects(options, reader);
  if (what === 'signUp' || what === 'signIn') return signs(options, reader);
  const { token } = what === 'crowd' ? state.crowd[0] : reader;
  return requests(options, senders, (client) => client.request('GET', LISTS[what](state, reader), { token }));
}

async function signs(options, reader) {
  const tag = `new${Date.now().toString(36)}x`;
  let serial = 0;
  return requests(options, options.senders, (client) => {
    if (options.what === 'signIn') {
      return client.request('POST', '/api/auth/login', { body: { username: reader.name, password: PASSWORD } });
    }
    const username = `${tag}${serial++}`;
    return client.request('POST', '/api/auth/register', {
      body: { username, email: `${username}@example.com`, password: PASSWORD } });
  });
}

// Opens a WebSocket, waits until it is let in, closes it, and opens the next one.
async function connects(options, reader) {
  const loops = Array.from({ length: options.senders }, () => async (run) => {
    while (!run.over) {
      const started = now();
      try {
        const [client] = await openAll(options.targets, [reader.token]);
        client.close();
        run.count++;
        run.times.push(now() - started);
      } catch {
        run.errors++;
      }
    }
  });
  return measure(options, loops);
}

// ---------------------------------------------------------------------- M8: the first page of a search

async function m8(options) {
  const { state, who, q } = options;
  const searcher = { member: state.users[0], reader1: state.readers[1], reader200: state.readers[200] }[who];
  const path = `/api/messages/search?q=${encodeURIComponent(q)}`;
  return requests(options, 1, (client) => client.request('GET', path, { token: searcher.token }));
}

module.exports = { prepare, m1, m2, m3, m4, m5, m6, m7, m8 };
