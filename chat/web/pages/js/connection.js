/**
 * The line to the server: one socket for chat and calls, what state it is in, and how it comes back.
 * @module
 */
import { ApiError, session } from './api.js';
import { t } from './texts.js';

const PATIENCE = 10_000;  // milliseconds for an acknowledgement

/** Fires `state` when `state` changes (`connecting`, `online`, `offline`), `online` with `recovered`, and `event` for all that the server tells. */
class Connection extends EventTarget {
  state = 'offline';
  socket = null;
  #retry = null;
  #opening = null;

  /** Connects, with a socket of its own each time; the one before is forgotten. The client is loaded when the inbox is there already. */
  async open() {
    this.close();
    this.#become('connecting');
    const opening = this.#opening = import('../vendor/socket.io.esm.min.js');
    try {
      const { io } = await opening;
      if (opening === this.#opening) this.#connect(io);
    } catch {
      this.#become('offline');
      this.#later(3000);
    }
  }

  #connect(io) {
    const socket = io('/', {
      auth: (answer) => session.token().then((token) => answer({ token }), () => answer({})),
      transports: ['websocket', 'polling'], tryAllTransports: true, forceNew: true, reconnectionDelayMax: 10_000,
    });
    this.socket = socket;
    socket.on('connect', () => this.#become('online', socket.recovered));
    socket.on('disconnect', (reason) => {
      this.#become('offline');
      if (reason === 'io server disconnect') this.#later(500);  // the token's end, mostly: a fresh one is shown
    });
    socket.on('connect_error', async (error) => {
      this.#become('offline');
      if (error.data?.code === 'unauthorized') await session.renew(session.current?.token).catch(() => {});
      if (!socket.active) this.#later(3000);
    });
    socket.onAny((name, payload) => this.dispatchEvent(new CustomEvent('event', { detail: { name, payload } })));
  }

  /** Ends the line for good. */
  close() {
    clearTimeout(this.#retry);
    this.socket?.disconnect();
    this.socket?.off();
    this.socket?.offAny();
    this.socket = this.#opening = null;
    this.#become('offline');
  }

  /** Tries at once, where it waits to try again. */
  hurry() { if (this.#opening && this.state !== 'online') this.open(); }

  /**
   * Sends an event and resolves to its acknowledgement. Throws an ApiError: the server's, or `offline`, or `timeout`, after which
   * there is a new connection, since one that answers nothing is lost though it may not know.
   */
  async ask(event, payload) {
    const { socket } = this;
    if (!socket?.connected) throw new ApiError(0, { code: 'offline', message: t('error.offline') });
    let answer;
    try {
      answer = await socket.timeout(PATIENCE).emitWithAck(event, payload);
    } catch {
      if (socket === this.socket && socket.connected) this.open();
      throw new ApiError(0, { code: 'timeout', message: t('error.offline') });
    }
    if (!answer.ok) throw new ApiError(400, answer);
    return answer;
  }

  #later(milliseconds) {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => session.current && (this.socket ? this.socket.connect() : this.open()), milliseconds);
  }

  #become(state, recovered = false) {
    if (state === this.state) return;
    this.state = state;
    this.dispatchEvent(new Event('state'));
    if (state === 'online') this.dispatchEvent(new CustomEvent('online', { detail: { recovered } }));
  }
}

export const connection = new Connection();
addEventListener('online', () => connection.hurry());
document.addEventListener('visibilitychange', () => document.visibilityState === 'visible' && connection.hurry());
