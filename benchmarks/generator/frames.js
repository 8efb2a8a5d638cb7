'use strict';
// WebSocket on a bare TCP connection. Frames are made and looked at by hand: what is received is counted and searched
// as bytes, never parsed, so that a thousand clients cost the generator less than the server.
const crypto = require('node:crypto');
const net = require('node:net');

const [TEXT_FRAME, PING_FRAME, PONG_FRAME] = [0x81, 0x89, 0x8a];
const MASKED = 0x80;

// A masked frame as clients must send it; a key of zeros is allowed, and masks for nothing.
function frame(text, kind = TEXT_FRAME) {
  const payload = Buffer.from(text);
  const size = payload.length < 126 ? 2 : 4;
  const bytes = Buffer.alloc(size + 4 + payload.length);
  bytes[0] = kind;
  bytes[1] = MASKED | (size === 2 ? payload.length : 126);
  if (size === 4) bytes.writeUInt16BE(payload.length, 2);
  payload.copy(bytes, size + 4);
  return bytes;
}

// Who extends it has `packet(bytes, start, end)`, told of each text frame, and calls `opened` once it may be used.
class WebSocketClient {
  constructor(target) {
    this.target = target;
    this.rest = null;
    this.isUpgraded = false;
    this.isClosed = false;
  }

  connect(path, ...headers) {
    const { hostname, port } = this.target;
    return new Promise((resolve, reject) => {
      this.opened = resolve;
      this.refused = (reason) => reject(new Error(`no connection: ${reason}`));
      this.socket = net.connect(Number(port), hostname, () => this.socket.write(
        [`GET ${path} HTTP/1.1`, `Host: ${hostname}:${port}`, 'Connection: Upgrade', 'Upgrade: websocket',
          'Sec-WebSocket-Version: 13', `Sec-WebSocket-Key: ${crypto.randomBytes(16).toString('base64')}`, ...headers,
          '\r\n'].join('\r\n')));
      this.socket.setNoDelay(true);
      this.socket.on('data', (data) => this.take(data));
      this.socket.on('error', (error) => this.refused(error.message));
      this.socket.on('close', () => {
        this.isClosed = true;
        this.refused('closed');
      });
    });
  }

  upgraded() {} // for those whose clients speak first

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
      this.upgraded();
      at = end + 4;
    }
    while (bytes.length - at >= 2) {
      const short = bytes[at + 1] & 127;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (bytes.length - at < head) break;
      const size = short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : bytes.readUInt32BE(at + 6);
      if (bytes.length - at < head + size) break;
      if (bytes[at] === TEXT_FRAME) this.packet(bytes, at + head, at + head + size);
      else if (bytes[at] === PING_FRAME) this.socket.write(frame(bytes.subarray(at + head, at + head + size), PONG_FRAME));
      at += head + size;
    }
    this.rest = at < bytes.length ? bytes.subarray(at) : null;
  }

  close() {
    this.socket.destroy();
  }
}

// Opens the clients that `make` makes of each of these, `atOnce` at a time.
async function openEach(things, make, atOnce) {
  const clients = new Array(things.length);
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(atOnce, things.length) }, async () => {
    while (next < things.length) {
      const index = next++;
      clients[index] = await make(things[index], index).open();
    }
  }));
  return clients;
}

module.exports = { WebSocketClient, frame, openEach };
