'use strict';
// A Socket.IO client on a bare TCP connection. Frames are made and looked at by hand: what is received is counted and
// searched as bytes, never parsed, so that a thousand clients cost the generator less than the server.
const crypto = require('node:crypto');
const net = require('node:net');

const TEXT_FRAME = 0x81;
const MASKED = 0x80;
const PING_PACKET = 0x32; // '2'
const [OPEN_PACKET, MESSAGE_PACKET] = [0x30, 0x34]; // '0', '4'
const [CONNECTED, EVENT, REFUSED] = [0x30, 0x32, 0x34]; // behind '4'
const PONG = frame('3');

// A masked text frame as clients must send it; a key of zeros is allowed, and masks for nothing.
function frame(text) {
  const payload = Buffer.from(text);
  const size = payload.length < 126 ? 2 : 4;
  const bytes = Buffer.alloc(size + 4 + payload.length);
  bytes[0] = TEXT_FRAME;
  bytes[1] = MASKED | (size === 2 ? payload.length : 126);
  if (size === 4) bytes.writeUInt16BE(payload.length, 2);
  payload.copy(bytes, size + 4);
  return bytes;
}

class SocketClient {
  constructor(target, token) {
    this.target = target;
    this.token = token;
    this.rest = null;
    this.isUpgraded = false;
    this.isClosed = false;
    this.onEvent = null; // (buffer, start, end) of an event's packet
  }

  open() {
    const { hostname, port } = this.target;
    return new Promise((resolve, reject) => {
      this.opened = resolve;
      this.refused = (reason) => reject(new Error(`no connection: ${reason}`));
      this.socket = net.connect(Number(port), hostname, () => this.socket.write(
        `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: Upgrade\r\n`
        + `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n`
        + `Sec-WebSocket-Key: ${crypto.randomBytes(16).toString('base64')}\r\n\r\n`));
      this.socket.setNoDelay(true);
      this.socket.on('data', (data) => this.take(data));
      this.socket.on('error', (error) => this.refused(error.message));
      this.socket.on('close', () => {
        this.isClosed = true;
        this.refused('closed');
      });
    });
  }

  take(data) {
    const bytes = this.rest ? Buffer.concat([this.rest, data]) : data;
    let at = 0;
    if (!this.isUpgraded) {
      const end = bytes.indexOf('\r\n\r\n');
      if (end < 0) {
        this.rest = bytes;
        return;
      }
      if (bytes.toString('latin1', 9, 12) !== '101') {
        this.refused(bytes.toString('latin1', 0, 300));
        this.socket.destroy();
        return;
      }
      this.isUpgraded = true;
      at = end + 4;
    }
    while (bytes.length - at >= 2) {
      const short = bytes[at + 1];
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (bytes.length - at < head) break;
      const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6);
      if (bytes.length - at < head + size) break;
      if (bytes[at] === TEXT_FRAME) this.packet(bytes, at + head, at + head + size);
      at += head + size;
    }
    this.rest = at < bytes.length ? bytes.subarray(at) : null;
  }

  packet(bytes, start, end) {
    const kind = bytes[start];
    if (kind === MESSAGE_PACKET) {
      if (bytes[start + 1] === EVENT) {
        if (this.onEvent) this.onEvent(bytes, start, end);
      } else if (bytes[start + 1] === CONNECTED) this.opened(this);
      else if (bytes[start + 1] === REFUSED) this.refused(bytes.toString('utf8', start, end));
    } else if (kind === PING_PACKET) this.socket.write(PONG);
    else if (kind === OPEN_PACKET) this.socket.write(frame(`40${JSON.stringify({ token: this.token })}`));
  }

  emit(name, payload) {
    this.socket.write(frame(`42${JSON.stringify([name, payload])}`));
  }

  close() {
    this.socket.destroy();
  }
}

// Opens a connection for each token, `atOnce` at a time, to each of the targets in turn.
async function openAll(targets, tokens, atOnce = 32) {
  const clients = new Array(tokens.length);
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(atOnce, tokens.length) }, async () => {
    while (next < tokens.length) {
      const index = next++;
      clients[index] = await new SocketClient(targets[index % targets.length], tokens[index]).open();
    }
  }));
  return clients;
}

module.exports = { openAll };
