'use strict';

/*
 * Clients as a frontend developer writes them: they chat, edit, delete and react while their connections are lost, because the
 * server goes, or cut at random where the lines are bad, and keep what they know by recovery or else by `sync`.
 *
 * In, one JSON object in the first line of stdin: {url, seed, isBad, isSpread, pause, rooms: [id], users: [{id, token, dialect,
 * address}]}, where `address` is the one on this machine by which a user comes to the server, and `pause` the longest between two
 * things that it does, in ms; with `isSpread`, over several processes of which some die, they also call each other. They go on
 * until stdin ends.
 * Out, one JSON object on stdout: {clients: [{userId, dialect, messages, live, recovered, synced, cuts, calls}],
 * acknowledged: [id], stuck: [what is left of a call]}
 *
 * tests/support/crowd.py is the other end.
 */

const { once } = require('events');
const net = require('net');
const readline = require('readline');
const { io } = require('socket.io-client');
const { Caller, hangUp } = require('./calling.js');

const ANSWER_MS = 4000;   // without an answer an event is sent again
const EMOJI = ['👍', '🎉', '❤️', '😀'];

let state;
function random() { // mulberry32
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
}
const choice = (list) => list[Math.floor(random() * list.length)];
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** A TCP proxy of a client, coming from `localAddress`, that can cut its line anywhere, in mid-frame too. */
function lineTo(target, localAddress) {
  const pairs = new Set();
  const server = net.createServer((near) => {
    const far = net.connect({ port: target.port, host: target.hostname, localAddress });
    const pair = { near, far, cutting: false };
    pairs.add(pair);
    const end = () => { pairs.delete(pair); near.destroy(); far.destroy(); };
    near.on('data', (data) => far.write(data));
    far.on('data', (data) => {
      if (!pair.cutting) { near.write(data); return; }
      near.write(data.subarray(0, Math.ceil(data.length / 2)), () => { near.resetAndDestroy(); end(); });
    });
    for (const side of [near, far]) side.on('error', end).on('close', end);
  });
  return {
    listen: () => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port))),
    cut(now) { for (const pair of pairs) { pair.cutting = true; if (now) pair.near.destroy(); } },
    close: () => { server.close(); for (const { near, far } of pairs) { near.destroy(); far.destroy(); } },
  };
}

/** What all clients do: keep connected, and send one thing after the other until it is acknowledged. */
class Client {
  constructor(user, url, line) {
    Object.assign(this, { user, line, outbox: [], acknowledged: [], count: 0, cuts: 0, recovered: 0, synced: 0 });
    this.socket = io(url + (user.dialect === 'chat-io' ? '/chat' : '/'), {
      auth: { token: user.token, dialect: user.dialect }, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 400,
      transports: random() < 0.7 ? ['websocket'] : ['polling', 'websocket'], timeout: 4000,
    });
    this.socket.on('connect', () => this.connected());
  }

  connected() {}

  name() { this.count += 1; return `${this.user.id}-${this.count}`; }

  /** Sends until it is acknowledged, if that is safe; resolves with the acknowledgement, or null. */
  async send(event, payload, isSafe = true) {
    for (;;) {
      const ack = await this.once(event, payload);
      if (ack || !isSafe) return ack;
      await sleep(50 + 100 * random());
    }
  }

  /**
   * Without an answer it starts a new connection: a WebSocket that is lost while engine.io-client pauses polling for it leaves
   * that paused, and the client cut off until its next ping is overdue. `hear` is called before anything else is received.
   */
  once(event, payload, hear = () => {}) {
    const { io } = this.socket, { engine } = io;
    return new Promise((resolve) => {
      this.socket.timeout(ANSWER_MS).emit(event, payload, (error, ack) => {
        if (error && engine) setImmediate(() => io._readyState === 'open' && engine === io.engine && io.onclose('no answer'));
        if (!error) hear(ack);
        resolve(error || (ack && ack.code === 'unavailable') ? null : ack);
      });
    });
  }

  async act(others) {
    const content = this.name();
    if (this.user.dialect === 'chat-io') {
      const ack = await this.send('send-message', { id: content, content });
      if (ack.ok) this.acknowledged.push(ack.message.id);
    } else if (this.user.dialect === 'realtime-chat') {
      const ack = await this.send('message:private', { toUserId: choice(others), content, clientId: content });
      if (ack.ok) this.acknowledged.push(ack.message.id);
    } else {
      const ack = await this.send('chat message', { sender: `${this.user.id}`, receiver: `${choice(others)}`, content }, false);
      if (ack && ack.ok) this.acknowledged.push(ack.message.id);
    }
  }

  result() {
    return { userId: this.user.id, dialect: this.user.dialect, cuts: this.cuts };
  }
}

/** Holds every message of its rooms, by the standard's events, recovery and `sync`. */
class StandardClient extends Client {
  constructor(user, url, line, rooms) {
    super(user, url, line);
    Object.assign(this, { rooms, messages: new Map(), trails: new Map(), next: 0, live: [], isCatchingUp: false });
    for (const event of ['newMessage', 'message_sent', 'receive_message']) {
      this.socket.on(event, (message) => { this.live.push([message.roomId, message.id]); this.hold(message, event); });
    }
    this.socket.on('message_updated', (message) => this.hold(message, 'message_updated'));
    this.socket.on('message_deleted', ({ id }) => {
      this.note(id, 'message_deleted');
      const message = this.messages.get(id);
      if (message) Object.assign(message, { content: '', reactions: [], deletedAt: message.deletedAt || 'now' });
    });
    this.socket.on('reaction', ({ messageId, userId, emoji, removed }) => {
      this.note(messageId, `reaction ${userId} ${removed ? '-' : '+'}${emoji}`);
      const message = this.messages.get(messageId);
      if (!message || message.deletedAt) return;
      let reaction = message.reactions.find((each) => each.emoji === emoji);
      if (!reaction && !removed) message.reactions.push(reaction = { emoji, userIds: [] });
      if (!reaction) return;
      reaction.userIds = reaction.userIds.filter((id) => id !== userId);
      if (!removed) reaction.userIds.push(userId);
      message.reactions = message.reactions.filter((each) => each.userIds.length);
    });
  }

  hold(message, how) {
    this.note(message.id, `${how} ${JSON.stringify(message.reactions)}`);
    this.messages.set(message.id, message);
  }

  /** Says of a message how this client learned what of it, for whoever reads why a test failed. */
  note(id, what) {
    if (!this.trails.has(id)) this.trails.set(id, []);
    this.trails.get(id).push(`${Date.now() % 1e6} ${what}`);
  }

  connected() {
    this.note(0, `connected ${this.socket.id} ${this.socket.recovered}`);
    if (this.socket.recovered) { this.recovered += 1; return; }
    this.synced += 1;
    this.catchUp();
  }

  /** Goes on until an answer has nothing new: an event may overtake the answer that holds an older state. */
  async catchUp() {
    if (this.isCatchingUp) { this.isBehindAgain = true; return; }
    this.isCatchingUp = true;
    do {
      this.isBehindAgain = false;
      let page;
      do {
        page = await this.send('sync', { after: this.next, limit: 100 });
        if (!page.ok) throw new Error(JSON.stringify(page));
        page.messages.forEach((message) => this.hold(message, 'sync'));
        this.next = page.next;
      } while (page.messages.length || page.more);
    } while (this.isBehindAgain);
    this.isCatchingUp = false;
  }

  async act(others) {
    const own = [...this.messages.values()].filter((message) => message.senderId === this.user.id && !message.deletedAt);
    const dice = random();
    if (dice < 0.5 || !own.length) {
      const content = this.name();
      const to = random() < 0.75 ? { roomId: choice(this.rooms) } : { toUserId: choice(others) };
      const ack = await this.send('send_message', { ...to, content, clientId: content });
      if (ack.ok) { this.acknowledged.push(ack.message.id); this.messages.has(ack.message.id) || this.hold(ack.message, 'acknowledgement'); }
      return;
    }
    const mine = choice(own.slice(-20));
    const any = choice([...this.messages.values()].slice(-20));
    if (dice < 0.7) await this.changed('edit_message', { messageId: mine.id, content: this.name() });
    else if (dice < 0.78) await this.changed('delete_message', { messageId: mine.id });
    else await this.changed('react', { messageId: any.id, emoji: choice(EMOJI), remove: random() < 0.3 });
  }

  changed(event, payload) { return this.send(event, payload); } // its event tells of it as it does to all others

  result() {
    return { ...super.result(), messages: [...this.messages.values()], live: this.live,
      trails: Object.fromEntries(this.trails),
      recovered: this.recovered, synced: this.synced };
  }

  /** Resolves once nothing is under way to this client; `isLast`: and it has what only `sync` may have told it. */
  async settle(isLast) {
    while (!this.socket.connected) await sleep(50);
    if (isLast) await this.catchUp();
    do {
      while (!this.socket.connected || this.isCatchingUp) await sleep(50);
      await this.send('harness:settle', {});
      await this.send('harness:settle', {});
    } while (!this.socket.connected || this.isCatchingUp);
  }
}

async function chat(client, others, pause, until) {
  while (!until.isOver) {
    await client.act(others);
    await sleep(pause * random());
  }
}

async function call(caller, others, pause, until) {
  while (!until.isOver) {
    await caller.act(choice(others));
    await sleep(4 * pause * random());
  }
}

async function disturb(client, until) {
  while (!until.isOver) {
    await sleep(1000 + 6000 * random());
    client.cuts += 1;
    client.line.cut(random() < 0.3);
  }
}

async function main() {
  const until = { isOver: false };
  const stdin = readline.createInterface({ input: process.stdin }).on('close', () => { until.isOver = true; });
  const { url, seed, isBad, isSpread, pause, rooms, users } = JSON.parse((await once(stdin, 'line'))[0]);
  state = seed;
  const clients = [];
  for (const user of users) {
    const line = lineTo(new URL(url), user.address);
    const address = `http://127.0.0.1:${await line.listen()}`;
    clients.push(user.dialect === 'standard' ? new StandardClient(user, address, line, rooms) : new Client(user, address, line));
  }
  const others = (client) => users.map(({ id }) => id).filter((id) => id !== client.user.id);
  const standard = clients.filter((client) => client instanceof StandardClient);
  const callers = isSpread ? standard.map((client) => new Caller(client, random)) : [];
  const called = (caller) => standard.map(({ user }) => user.id).filter((id) => id !== caller.userId);
  await Promise.all([
    ...clients.flatMap((client) => [chat(client, others(client), pause, until), isBad && disturb(client, until)]),
    ...callers.map((caller) => call(caller, called(caller), pause, until))]);
  const stuck = await hangUp(callers);
  await Promise.all(standard.map((client) => client.settle(isSpread)));
  const result = {
    clients: clients.map((client) => client.result()), acknowledged: clients.flatMap((client) => client.acknowledged), stuck };
  for (const client of clients) { client.socket.disconnect(); client.line.close(); }
  process.stdout.write(JSON.stringify(result), () => process.exit(0));
}

main().catch((error) => { console.error(error); process.exit(1); });
