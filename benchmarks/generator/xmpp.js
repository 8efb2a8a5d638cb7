'use strict';
// An XMPP client over WebSocket (RFC 7395): it signs in by SASL PLAIN, binds, enters its room (XEP-0045), and takes a
// message of its own as stored once it comes back with the number that the archive gave it (XEP-0359, XEP-0313).
const crypto = require('node:crypto');
const { WebSocketClient, frame, openEach } = require('./frames');

const PASSWORD = 'secret-pass-1';
const DOMAIN = 'localhost';
const ROOMS = 'conference.localhost';
const OPEN = `<open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="${DOMAIN}" version="1.0"/>`;
const BIND = '<iq xmlns="jabber:client" type="set" id="bind"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"/></iq>';
const [MESSAGE, BODY, ARCHIVED] = ['<message', '<body', '<stanza-id'].map((text) => Buffer.from(text));

function within(bytes, what, start, end) {
  const at = bytes.indexOf(what, start);
  return at >= 0 && at < end;
}

class XmppClient extends WebSocketClient {
  constructor(target, user) {
    super(target);
    this.user = user;
    this.nick = `${user.name}-${crypto.randomBytes(4).toString('hex')}`; // since the one before may still be there
    this.packets = 0; // of any kind
    this.arrived = 0; // messages of rooms
    this.onMessage = null;
    this.awaited = null;
    this.isReady = false;
    this.talk = this.signIn();
  }

  open() {
    return this.connect(this.target.pathname, 'Sec-WebSocket-Protocol: xmpp');
  }

  upgraded() {
    this.talk.next();
  }

  write(text) {
    this.socket.write(frame(text));
  }

  packet(bytes, start, end) {
    this.packets++;
    if (!this.isReady) this.talk.next(bytes.toString('utf8', start, end));
    else if (bytes.compare(MESSAGE, 0, MESSAGE.length, start, start + MESSAGE.length) === 0) this.message(bytes, start, end);
  }

  message(bytes, start, end) {
    if (!within(bytes, BODY, start, end)) return; // a subject
    this.arrived++;
    if (this.onMessage) this.onMessage();
    if (this.awaited && within(bytes, this.awaited, start, end) && within(bytes, ARCHIVED, start, end)) this.stored();
  }

  // What is said until the client is ready: a generator that is given what the server says.
  * signIn() {
    yield* this.begin();
    const secret = Buffer.from(`\0${this.user.name}\0${PASSWORD}`).toString('base64');
    this.write(`<auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">${secret}</auth>`);
    yield* this.until('<success');
    yield* this.begin();
    this.write(BIND);
    yield* this.until('id="bind"', "id='bind'");
    if (this.user.room) {
      this.write(`<presence xmlns="jabber:client" to="${this.user.room}/${this.nick}">`
        + '<x xmlns="http://jabber.org/protocol/muc"><history maxstanzas="0"/></x></presence>');
      yield* this.until('code="110"', "code='110'"); // it is the client itself that has come in
    }
    this.isReady = true;
    this.opened(this);
  }

  * begin() {
    this.write(OPEN);
    yield* this.until('features');
  }

  * until(...texts) {
    for (;;) {
      const said = yield;
      if (/failure|type=.error|<close/.test(said)) this.refused(said);
      if (texts.some((text) => said.includes(text))) return;
    }
  }

  // One at a time.
  post(room, mark, text) {
    this.awaited = Buffer.from(mark);
    return new Promise((resolve) => {
      this.stored = resolve;
      this.write(`<message xmlns="jabber:client" type="groupchat" to="${room}" id="${mark}"><body>${mark} ${text}</body></message>`);
    });
  }
}

// Makes accounts by XEP-0077, before anybody has signed in; calls itself ready when all are there.
class Registrar extends XmppClient {
  * signIn() {
    yield* this.begin();
    for (const name of this.user.names) {
      this.write(`<iq xmlns="jabber:client" type="set" id="new-${name}" to="${DOMAIN}"><query xmlns="jabber:iq:register">`
        + `<username>${name}</username><password>${PASSWORD}</password></query></iq>`);
      yield* this.until(`id="new-${name}"`, `id='new-${name}'`);
    }
    this.opened(this);
  }
}

const openAll = (target, users, atOnce = 32) => openEach(users, (user) => new XmppClient(target, user), atOnce);

// Rooms come to be when the first one enters.
async function prepare({ target, rooms, members, crowd, idle }) {
  const named = (tag, count, room) => Array.from({ length: count }, (_, index) => (
    { name: `${tag}${index}`, room: room && room(index) }));
  const roomAt = (index) => `room${index}@${ROOMS}`;
  const crowdRoom = `crowd@${ROOMS}`;
  const users = named('user', rooms * members, (index) => roomAt(Math.floor(index / members)));
  const crowded = named('crowd', crowd, () => crowdRoom);
  const made = { users, members, crowd: crowded, crowdRoom, idle: named('idle', idle) };
  made.rooms = Array.from({ length: rooms }, (_, index) => roomAt(index));
  const names = [...users, ...crowded, ...made.idle].map((user) => user.name);
  const registrar = await new Registrar(target, { names }).open();
  registrar.close();
  return made;
}

module.exports = { openAll, prepare };
