'use strict';
// The usual Node.js chat server, written to be compared with: Express, Sequelize, socket.io, bcrypt, JWT. It offers
// the operations that the benchmarks use, with the paths, events and payloads of the standard API, and does less than
// the other one for each: no receipts, no presence, no idempotency, no sessions that can end, no unread counts.
const http = require('node:http');
// bcrypt hashes in threads; bcryptjs, which needs no compiler and is as common, in slices of the event loop
const bcrypt = require(process.env.BCRYPT || 'bcrypt');
const express = require('express');
const jwt = require('jsonwebtoken');
const { ForeignKeyConstraintError, Op, UniqueConstraintError } = require('sequelize');
const { Server } = require('socket.io');
const { sequelize, User, Room, RoomMember, Message } = require('./models');

const SECRET = process.env.JWT_SECRET;
const ROUNDS = Number(process.env.BCRYPT_LOG_ROUNDS || 12);
const LEAN = process.env.PEER === 'lean'; // histories read raw, membership known from socket.io's rooms
const MOST_LISTED = 1000;
const SHOWN_OF_USER = ['id', 'username', 'createdAt'];
const [LIMIT, LIMIT_SECONDS] = (process.env.RATE_LIMIT_MESSAGES || '5/10').split('/').map(Number);

const app = express();
const server = http.createServer(app);
const io = new Server(server, { cors: { origin: '*' } });
app.disable('x-powered-by');
app.disable('etag'); // answers of an API are not cached
app.use(express.json({ limit: '256kb' }));

// ---------------------------------------------------------------------- what REST and sockets share

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

const windows = new Map(); // `user:room`: { since, count }

function charge(userId, room) {
  const key = `${userId}:${room}`;
  const now = Date.now();
  let used = windows.get(key);
  if (!used || now - used.since >= LIMIT_SECONDS * 1000) windows.set(key, used = { since: now, count: 0 });
  if (++used.count > LIMIT) throw new Refused(429, 'too many messages');
}

function checked(content) {
  const text = typeof content === 'string' ? content.trim() : '';
  if (!text || text.length > 4000) throw new Refused(422, 'content must have 1 to 4000 characters');
  return text;
}

const shown = (message) => ({
  id: Number(message.id), roomId: message.roomId && Number(message.roomId), senderId: Number(message.senderId),
  receiverId: message.receiverId && Number(message.receiverId), type: 'text', content: message.content,
  attachments: [], replyToId: null, clientId: null, reactions: [], createdAt: message.createdAt, editedAt: null,
  deletedAt: null, deliveredAt: null, readAt: null,
});

async function requireMember(userId, roomId) {
  const member = await RoomMember.findOne({ where: { roomId, userId }, raw: LEAN });
  if (!member) throw new Refused(403, 'not a member');
}

async function sendToRoom(senderId, roomId, content) {
  const message = await Message.create({ roomId, senderId, content: checked(content), createdAt: new Date() });
  const told = shown(message);
  io.to(`room:${roomId}`).emit('receive_message', { ...told, userId: senderId });
  return told;
}

async function sendToUser(senderId, receiverId, content) {
  charge(senderId, `user:${receiverId}`);
  try {
    const message = await Message.create({ senderId, receiverId, content: checked(content), createdAt: new Date() });
    const told = shown(message);
    io.to(`user:${receiverId}`).emit('newMessage', told);
    return told;
  } catch (error) {
    throw error instanceof ForeignKeyConstraintError ? new Refused(404, 'no such user') : error;
  }
}

const tokenOf = (user) => jwt.sign({ sub: String(user.id) }, SECRET, { expiresIn: '24h' });
const userOf = (token) => Number(jwt.verify(token, SECRET).sub);
const asUser = (user) => ({ id: Number(user.id), username: user.username, email: user.email });

// ---------------------------------------------------------------------- REST

function signedIn(request, response, next) {
  try {
    request.userId = userOf((request.get('authorization') || '').replace(/^Bearer /, ''));
  } catch {
    return response.status(401).json({ code: 'unauthorized', message: 'sign in first' });
  }
  next();
}

const route = (handle) => (request, response, next) => handle(request, response).catch(next);

app.get('/health', (request, response) => response.json({ ok: true }));

app.post('/api/auth/register', route(async (request, response) => {
  const { username, email, password } = request.body;
  const user = await User.create({ username, email, passwordHash: await bcrypt.hash(password, ROUNDS) });
  response.status(201).json({ token: tokenOf(user), user: asUser(user) });
}));

app.post('/api/auth/login', route(async (request, response) => {
  const user = await User.findOne({ where: { username: request.body.username } });
  if (!user || !await bcrypt.compare(request.body.password, user.passwordHash)) throw new Refused(401, 'wrong password');
  response.json({ token: tokenOf(user), user: asUser(user) });
}));

app.post('/api/rooms', signedIn, route(async (request, response) => {
  const room = await Room.create({ name: request.body.name, createdBy: request.userId });
  await join(request.userId, room.id);
  response.status(201).json({ room: { id: Number(room.id), name: room.name } });
}));

app.post('/api/rooms/join', signedIn, route(async (request, response) => {
  await join(request.userId, request.body.roomId);
  response.json({ room: { id: request.body.roomId } });
}));

async function join(userId, roomId) {
  await RoomMember.create({ roomId, userId });
  io.in(`user:${userId}`).socketsJoin(`room:${roomId}`);
}

app.get('/api/rooms/:id/messages', signedIn, route(async (request, response) => {
  const roomId = Number(request.params.id);
  const limit = Math.min(Number(request.query.limit) || 50, 100);
  await requireMember(request.userId, roomId);
  const where = { roomId };
  if (request.query.before) where.id = { [Op.lt]: Number(request.query.before) };
  const messages = await Message.findAll({ where, order: [['id', 'DESC']], limit, raw: LEAN });
  response.json({ messages: messages.reverse().map(shown) });
}));

// ---------------------------------------------------------------------- lists: one query each, as E's server has it

app.get('/api/rooms/mine', signedIn, route(async (request, response) => {
  const memberships = await RoomMember.findAll({
    where: { userId: request.userId }, include: { model: Room, as: 'room' }, limit: MOST_LISTED, raw: LEAN, nest: LEAN });
  response.json({ rooms: memberships.map(({ room }) => room) });
}));

app.get('/api/rooms', signedIn, route(async (request, response) => {
  response.json({ rooms: await Room.findAll({ order: [['id', 'ASC']], limit: MOST_LISTED, raw: LEAN }) });
}));

app.get('/api/rooms/:id', signedIn, route(async (request, response) => {
  const room = await Room.findByPk(Number(request.params.id), { raw: LEAN });
  if (!room) throw new Refused(404, 'no such room');
  response.json({ room });
}));

app.get('/api/rooms/:id/members', signedIn, route(async (request, response) => {
  const roomId = Number(request.params.id);
  await requireMember(request.userId, roomId);
  const members = await RoomMember.findAll({
    where: { roomId }, include: { model: User, as: 'user', attributes: SHOWN_OF_USER }, order: [['userId', 'ASC']],
    limit: MOST_LISTED, raw: LEAN, nest: LEAN,
  });
  response.json({ members: members.map(({ user, createdAt }) => ({ user, joinedAt: createdAt })) });
}));

app.get('/api/conversations', signedIn, route(async (request, response) => { // which E has not: rooms, newest first
  const { userId } = request;
  const memberships = await RoomMember.findAll({
    where: { userId }, include: { model: Room, as: 'room' }, raw: LEAN, nest: LEAN });
  const newest = await Message.findAll({ where: { id: { [Op.in]: sequelize.literal(`(SELECT MAX(messages.id) FROM messages
    JOIN room_members ON room_members.room_id = messages.room_id WHERE room_members.user_id = ${userId}
    GROUP BY messages.room_id)`) } }, raw: LEAN });
  const byRoom = new Map(newest.map((message) => [Number(message.roomId), shown(message)]));
  const rooms = memberships.map(({ room }) => (
    { id: Number(room.id), name: room.name, createdAt: room.createdAt, lastMessage: byRoom.get(Number(room.id)) || null }));
  response.json(rooms.sort((one, other) => (other.lastMessage?.id || 0) - (one.lastMessage?.id || 0)));
}));

app.get('/api/users', signedIn, route(async (request, response) => {
  response.json(await User.findAll({
    where: { id: { [Op.ne]: request.userId } }, attributes: SHOWN_OF_USER, order: [['username', 'ASC']],
    limit: MOST_LISTED, raw: LEAN }));
}));

app.get('/api/users/me', signedIn, route(async (request, response) => {
  response.json(await User.findByPk(request.userId, { attributes: [...SHOWN_OF_USER, 'email'], raw: LEAN }));
}));

app.post('/api/messages/send/:id', signedIn, route(async (request, response) => {
  response.status(201).json(await sendToUser(request.userId, Number(request.params.id), request.body.content));
}));

app.use((error, request, response, next) => {
  const status = error instanceof UniqueConstraintError ? 409 : error.status || 500;
  if (status === 500) console.error(error);
  response.status(status).json({ code: String(status), message: error.message });
});

// ---------------------------------------------------------------------- sockets

io.use((socket, next) => {
  try {
    socket.data.userId = userOf(socket.handshake.auth.token);
    next();
  } catch {
    next(new Error('unauthorized'));
  }
});

io.on('connection', async (socket) => {
  const { userId } = socket.data;
  socket.on('send_message', async (payload, acknowledge) => {
    try {
      await joined; // a client may write before its rooms are known
      const room = `room:${payload.roomId}`;
      if (!LEAN) await requireMember(userId, payload.roomId);
      else if (!socket.rooms.has(room)) throw new Refused(403, 'not a member');
      charge(userId, room);
      const message = await sendToRoom(userId, payload.roomId, payload.content);
      if (typeof acknowledge === 'function') acknowledge({ ok: true, message });
    } catch (error) {
      socket.emit('error', { code: String(error.status || 500), message: error.message });
    }
  });
  const joined = RoomMember.findAll({ where: { userId }, attributes: ['roomId'], raw: true }).then((rows) => (
    socket.join([`user:${userId}`, ...rows.map((row) => `room:${row.roomId}`)])));
  await joined.catch(() => socket.disconnect());
});

sequelize.sync().then(() => server.listen(Number(process.env.PORT), '127.0.0.1'));
