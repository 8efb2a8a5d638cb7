'use strict';
// A keep-alive HTTP/1.1 client for one request at a time, which understands just what the measured servers answer.
const net = require('node:net');

const [END_OF_HEAD, LAST_CHUNK] = ['\r\n\r\n', '0\r\n\r\n'].map((text) => Buffer.from(text));

class HttpClient {
  constructor(target) {
    this.host = `${target.hostname}:${target.port}`;
    this.received = null;
    this.pending = null;
    this.socket = net.connect(Number(target.port), target.hostname);
    this.socket.setNoDelay(true);
    this.socket.on('data', (data) => this.take(data));
    this.socket.on('error', () => {});
    this.socket.on('close', () => this.settle({ status: 0, body: Buffer.from('the connection was closed') }));
  }

  settle(answer) {
    const { pending } = this;
    this.pending = null;
    if (pending) pending(answer);
  }

  take(data) {
    const bytes = this.received ? Buffer.concat([this.received, data]) : data;
    this.received = bytes;
    const head = bytes.indexOf(END_OF_HEAD);
    if (head < 0) return;
    const text = bytes.toString('latin1', 0, head);
    const length = /content-length: *(\d+)/i.exec(text);
    if (!length && /transfer-encoding: *chunked/i.test(text)) {
      this.takeChunks(bytes, head + 4, Number(text.slice(9, 12)));
      return;
    }
    const end = head + 4 + (length ? Number(length[1]) : 0);
    if (bytes.length < end) return;
    this.received = null;
    this.settle({ status: Number(text.slice(9, 12)), body: bytes.subarray(head + 4, end) });
  }

  takeChunks(bytes, start, status) {
    if (bytes.compare(LAST_CHUNK, 0, LAST_CHUNK.length, bytes.length - LAST_CHUNK.length) !== 0) return;
    const chunks = [];
    for (let at = start, size = -1; size !== 0;) {
      const line = bytes.indexOf('\r\n', at);
      size = line < 0 ? -1 : parseInt(bytes.toString('latin1', at, line), 16);
      at = line + 2 + size + 2;
      if (line < 0 || at > bytes.length) return; // what looked like the end was not
      chunks.push(bytes.subarray(line + 2, line + 2 + size));
    }
    this.received = null;
    this.settle({ status, body: Buffer.concat(chunks) });
  }

  request(method, path, { token, body } = {}) {
    const payload = body === undefined ? '' : JSON.stringify(body);
    const head = `${method} ${path} HTTP/1.1\r\nHost: ${this.host}\r\n`
      + (token ? `Authorization: Bearer ${token}\r\n` : '')
      + (payload ? `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(payload)}\r\n` : '');
    return new Promise((resolve) => {
      this.pending = resolve;
      if (this.socket.destroyed) this.settle({ status: 0, body: Buffer.from('the connection is closed') });
      else this.socket.write(`${head}\r\n${payload}`);
    });
  }

  async json(method, path, options) {
    const { status, body } = await this.request(method, path, options);
    if (status < 200 || status > 299) throw new Error(`${method} ${path}: ${status} ${body}`);
    return JSON.parse(body);
  }

  close() {
    this.socket.destroy();
  }
}

module.exports = { HttpClient };
