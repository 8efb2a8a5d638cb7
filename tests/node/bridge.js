'use strict';

/*
 * Runs real socket.io-client connections for the Python tests (tests/support/node.py is the other end).
 *
 * In, one JSON object per line:  {id, op, client, ...}           one operation of a client
 * Out, one JSON object per line: {reply: id, result}             it worked
 *                                {reply: id, error: {kind, message, ...}}
 *                                {client, kind: 'connect' | 'event' | 'disconnect', ...}
 *
 * A Buffer is written {"$buffer": "<base64>"} and undefined {"$undefined": true}, in both directions.
 */

const readline = require('readline');
const { io } = require('socket.io-client');

const UPGRADE_PATIENCE_MS = 2000;
const clients = new Map();

class Failure extends Error {
  constructor(kind, message, extra = {}) {
    super(message);
    this.body = { kind, message, ...extra };
  }
}

function revive(key, value) {
  if (value !== null && typeof value === 'object') {
    if (typeof value.$buffer === 'string') return Buffer.from(value.$buffer, 'base64');
    if (value.$undefined === true) return undefined;
  }
  return value;
}

function replace(key, value) {
  const original = this[key]; // value has been through Buffer.toJSON already
  if (Buffer.isBuffer(original) || original instanceof ArrayBuffer) {
    return { $buffer: Buffer.from(original).toString('base64') };
  }
  return value;
}

function write(message) {
  process.stdout.write(JSON.stringify(message, replace) + '\n');
}

function find(number) {
  const client = clients.get(number);
  if (!client) throw new Failure('bridge', `there is no client ${number}`);
  return client;
}

/** Makes one Socket, unconnected; with `share` on the connection (Manager) of another client. */
function open({ client: number, url, namespace, options, share }) {
  const socket = share === null
    ? io(url + namespace, { ...options, autoConnect: false })
    : find(share).socket.io.socket(namespace, options);
  for (const other of clients.values()) {
    if (other.socket === socket) throw new Failure('bridge', `${namespace} is already open on this connection`);
  }
  const client = { socket, waiting: new Set() };
  clients.set(number, client);
  socket.on('connect', () => write({
    client: number, kind: 'connect', sid: socket.id, recovered: socket.recovered === true,
  }));
  socket.on('disconnect', (reason) => {
    write({ client: number, kind: 'disconnect', reason });
    for (const fail of [...client.waiting]) fail(new Failure('disconnected', `disconnected: ${reason}`));
  });
  socket.onAny((event, ...args) => {
    const sent = args.filter((argument) => typeof argument !== 'function');
    write({ client: number, kind: 'event', event, args: sent });
  });
}

function connect({ client: number }) {
  const { socket } = find(number);
  return new Promise((resolve, reject) => {
    function connected() {
      socket.off('connect_error', refused);
      resolve(socket.id);
    }
    function refused(error) {
      socket.off('connect', connected);
      const description = error.description && error.description.message;
      reject(new Failure('connect_error', error.message, { data: error.data, description }));
    }
    socket.once('connect', connected);
    socket.once('connect_error', refused);
    socket.connect();
  });
}

/** The client, if what it emits now leaves now: socket.io-client would keep it back silently otherwise. */
function connectedClient({ client: number, event }) {
  const client = find(number);
  if (!client.socket.connected) throw new Failure('disconnected', `not connected: ${event} would not be sent`);
  return client;
}

function emit(request) {
  connectedClient(request).socket.emit(request.event, ...request.args);
}

/** Runs `start(resolve)`; rejects when the client disconnects first. */
function unlessDisconnected(client, start) {
  return new Promise((resolve, reject) => {
    client.waiting.add(reject);
    start((result) => {
      client.waiting.delete(reject);
      resolve(result);
    });
  });
}

function call(request) {
  const client = connectedClient(request);
  return unlessDisconnected(client, (resolve) => {
    client.socket.emit(request.event, ...request.args, (...answer) => resolve(answer));
  });
}

function sendMany(request) {
  const client = connectedClient(request);
  const acks = [];
  const all = unlessDisconnected(client, (resolve) => {
    request.payloads.forEach((payload, index) => {
      client.socket.emit(request.event, payload, (...answer) => {
        acks.push([index, answer]);
        if (acks.length === request.payloads.length) resolve(acks);
      });
    });
    if (request.payloads.length === 0) resolve(acks);
  });
  return all.catch((failure) => {
    failure.body.message += ` after ${acks.length} of ${request.payloads.length} acknowledgements`;
    throw failure;
  });
}

function disconnect({ client: number }) {
  find(number).socket.disconnect();
}

/** Resolves once polling has become websocket, where the options of the client lead there. */
async function upgraded(engine) {
  const deadline = Date.now() + UPGRADE_PATIENCE_MS;
  while (engine.transports.includes('websocket') && engine.transport.name === 'polling' && engine.readyState === 'open') {
    if (Date.now() > deadline) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Cuts the connection without a goodbye of Socket.IO, Engine.IO or WebSocket. */
async function drop({ client: number }) {
  const engine = find(number).socket.io.engine;
  if (!engine) return;
  await upgraded(engine);
  const transport = engine.transport;
  if (transport.ws) {
    transport.ws.terminate();
    return;
  }
  transport.doClose = () => transport.pollXhr && transport.pollXhr.abort();
  engine._onClose('transport close');
}

function transport({ client: number }) {
  const { engine } = find(number).socket.io;
  return engine && engine.readyState === 'open' ? engine.transport.name : null;
}

/** Disconnects a client and lets go of it. */
function forget({ client: number }) {
  const client = clients.get(number);
  if (!client) return;
  client.socket.io.reconnection(false);
  client.socket.disconnect();
  clients.delete(number);
}

const operations = { open, connect, emit, call, sendMany, disconnect, drop, transport, forget };

async function handle(line) {
  const request = JSON.parse(line, revive);
  try {
    const result = await operations[request.op](request);
    write({ reply: request.id, result: result === undefined ? null : result });
  } catch (error) {
    const body = error.body || { kind: 'bridge', message: String(error.stack) };
    write({ reply: request.id, error: body });
  }
}

const lines = readline.createInterface({ input: process.stdin, crlfDelay: Infinity });
lines.on('line', handle);
lines.on('close', () => process.exit(0));
