'use strict';
// The scenarios M1 to M8. Each returns one measurement, or a list of them. M1, M5 and M6 are played in each protocol.
const accounts = require('./accounts');
const { HttpClient } = require('./http');
const { openAll } = require('./sockets');
const xmpp = require('./xmpp');
const matrix = require('./matrix');
const { Meter, latency, memoryKiB, now, round, settle, sleep } = require('./measure');

const { PASSWORD, TEXT, makeRoom, makeUsers } = accounts;
const PROTOCOLS = { socketio: { openAll, prepare: accounts.prepare }, xmpp, matrix };
const WARM_UP_MS = 1000;
const ARRIVAL_MS = 20000; // how long after a measurement what was sent may be answered and delivered, to be counted as that

const protocolOf = ({ protocol = 'socketio' }) => PROTOCOLS[protocol];

// ---------------------------------------------------------------------- the shape of a measurement

// Runs `loops` (async functions that go on until `isOver()`), warms up, measures, and lets them end.
async function measure(options, loops) {
  const run = { count: 0, errors: 0, times: [], over: false };
  const running = loops.map((loop) => loop(run));
  await sleep(options.warmUpMs || WARM_UP_MS);
  const warm = run.count;
  run.times = [];
  const meter = new Meter(options);
  await sleep(options.seconds * 1000);
  const reading = meter.read(run.count - warm);
  const times = latency(run.times);
  run.over = true;
  await Promise.race([Promise.all(running), sleep(ARRIVAL_MS)]);
  return { ...reading, ...times, errors: run.errors, answered: run.count };
}

// ---------------------------------------------------------------------- M1: rooms of 10, closed loop

async function m1(options) {
  const { target, state, senders } = options;
  const clients = await protocolOf(options).openAll(target, state.users);
  await settle(clients);
  const before = clients.reduce((sum, client) => sum + client.arrived, 0);
  const tag = `m${Date.now().toString(36)}x`; // no mark is ever used twice
  let serial = 0;
  const loops = Array.from({ length: senders }, (_, index) => async (run) => {
    const room = index % state.rooms.length;
    const client = clients[room * state.members + Math.floor(index / state.rooms.length) % state.members];
    while (!run.over) {
      const started = now();
      await client.post(state.rooms[room], `${tag}${serial++}.`, TEXT);
      run.count++;
      run.times.push(now() - started);
    }
  });
  const result = await measure(options, loops);
  const expected = serial * state.members;
  const arrived = () => clients.reduce((sum, client) => sum + client.arrived, 0) - before;
  for (const deadline = now() + ARRIVAL_MS; arrived() < expected && now() < deadline;) await sleep(20);
  clients.forEach((client) => client.close());
  return { ...result, errors: serial - result.answered, sent: serial, delivered: round(arrived() / expected, 4) };
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
  clients[0].onMessage = (data, start, end) => {
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
  const clients = await openAll(target, members);
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
  const { target, state, pid } = options;
  const base = memoryKiB(pid);
  const results = [];
  let clients = [];
  for (const connections of options.connections) {
    const more = connections - clients.length;
    const meter = new Meter(options);
    const users = Array.from({ length: more }, (_, index) => state.idle[(clients.length + index) % state.idle.length]);
    clients = clients.concat(await protocolOf(options).openAll(target, users));
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
  const { target, state, seconds } = options;
  const clients = await protocolOf(options).openAll(target, state.crowd);
  await settle(clients);
  const tag = `m${Date.now().toString(36)}x`;
  let serial = 0;
  let arrived = 0;
  let all;
  clients.forEach((client) => {
    client.onMessage = () => { if (++arrived === clients.length) all(); };
  });
  const times = [];
  const round1000 = async () => {
    arrived = 0;
    const started = now();
    const everybody = new Promise((resolve) => { all = resolve; });
    await Promise.all([clients[0].post(state.crowdRoom, `${tag}${serial++}.`, TEXT), everybody]);
    times.push(now() - started);
  };
  for (let warm = 0; warm < 5; warm++) await round1000();
  times.length = 0;
  const meter = new Meter(options);
  const end = now() + seconds * 1000;
  while (now() < end) await round1000();
  const reading = meter.read(times.length * clients.length);
  clients.forEach((client) => client.close());
  return { ...reading, ...latency(times), errors: 0, sent: serial, receivers: clients.length };
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
        const [client] = await openAll(options.target, [reader]);
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

const prepare = (options) => protocolOf(options).prepare(options);

module.exports = { prepare, m1, m2, m3, m4, m5, m6, m7, m8 };
