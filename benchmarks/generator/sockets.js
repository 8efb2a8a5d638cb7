'use strict';
// A Socket.IO client, for this server and those of Node.js.
const { WebSocketClient, frame, openEach } = require('./frames');

const PING_PACKET = 0x32; // '2'
const [OPEN_PACKET, MESSAGE_PACKET] = [0x30, 0x34]; // '0', '4'
const [CONNECTED, EVENT, REFUSED] = [0x30, 0x32, 0x34]; // behind '4'
const PONG = frame('3');
const MESSAGE = Buffer.from('42["receive_message"');

class SocketClient extends WebSocketClient {
  constructor(target, { token }) {
    super(target);
    this.token = token;
    this.packets = 0; // of any event
    this.arrived = 0; // messages of rooms
    this.onMessage = null; // (buffer, start, end) of one's packet
    this.awaited = null;
  }

  open() {
    return this.connect('/socket.io/?EIO=4&transport=websocket');
  }

  packet(bytes, start, end) {
    const kind = bytes[start];
    if (kind === MESSAGE_PACKET) {
      if (bytes[start + 1] === EVENT) this.event(bytes, start, end);
      else if (bytes[start + 1] === CONNECTED) this.opened(this);
      else if (bytes[start + 1] === REFUSED) this.refused(bytes.toString('utf8', start, end));
    } else if (kind === PING_PACKET) this.socket.write(PONG);
    else if (kind === OPEN_PACKET) this.socket.write(frame(`40${JSON.stringify({ token: this.token })}`));
  }

  event(bytes, start, end) {
    this.packets++;
    if (bytes.compare(MESSAGE, 0, MESSAGE.length, start, Math.min(start + MESSAGE.length, end)) !== 0) return;
    this.arrived++;
    if (this.onMessage) this.onMessage(bytes, start, end);
    if (!this.awaited) return;
    const at = bytes.indexOf(this.awaited, start);
    if (at >= 0 && at < end) this.stored();
  }

  emit(name, payload) {
    this.socket.write(frame(`42${JSON.stringify([name, payload])}`));
  }

  // Ends when the message came back, which it does once it is stored. One at a time.
  post(roomId, mark, text) {
    this.awaited = Buffer.from(mark);
    return new Promise((resolve) => {
      this.stored = resolve;
      this.emit('send_message', { roomId, content: `${mark} ${text}` });
    });
  }
}

// To each process of the server in turn.
const openAll = ({ processes }, users, atOnce = 32) => openEach(
  users, (user, index) => new SocketClient(processes[index % processes.length], user), atOnce);

module.exports = { openAll };
