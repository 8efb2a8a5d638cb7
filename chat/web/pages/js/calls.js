/**
 * Calls: `<chat-call>` shows one at a time, from its ringing to its end. What happens goes by the contract's four events
 * (`callUser`, `makeAnswer`, `iceCandidate`, `endCall`); sound and picture go straight to the other browser.
 * @module
 */

import { CallPanel } from './call-panel.js';
import { Media, wordsOf } from './devices.js';
import { rememberFocus } from './dom.js';
import { Candidates, Peer } from './peer.js';
import { ring } from './ringing.js';
import { t } from './texts.js';

const ANSWER_WITHIN = 10_000;  // ms for the server to acknowledge
const SHOW_END = 4_000;        // ms
const PENDING = ['preparing', 'calling'];
const LASTING = ['call.missed', 'call.failed'];  // ends that stay until somebody has seen them

const REFUSALS = {
  busy: 'call.isBusy', offline: 'call.offline', not_found: 'call.gone', rate_limited: 'call.tooMany', disconnected: 'call.noServer', no_line: 'call.noLine',
};

/** What can't be, by the server's code or one of REFUSALS. */
class Refused extends Error {}

class ChatCall extends HTMLElement {
  #to = {};  // what is attached
  #call = null;
  #giveBack;
  #panel = new CallPanel({
    accept: (video) => this.#accept(video), hangUp: () => this.#hangUp(), close: () => this.#close(this.#call),
    toggleSound: () => this.#toggleSound(), toggle: (what) => this.#toggle(what),
  });
  #handlers = {
    callUser: (call) => this.#called(call),
    makeAnswer: (told) => this.#ofThisCall(told, (call) => this.#answered(call, told.answer)),
    iceCandidate: (told) => this.#ofThisCall(told, ({ candidates }) => candidates.add(told.candidate)),
    endCall: (told) => this.#ofThisCall(told, (call) => this.#finish(call, ending(call, told.reason))),
    disconnect: () => { if (this.isBusy) this.#finish(this.#call, 'call.lost'); },
  };

  /**
   * Takes calls from now on: `socket` is on `/` or `/call`, `iceServers()` resolves to what RTCPeerConnection takes,
   * `nameOf(userId)` is the name of a person. Another one takes its place when somebody else signs in.
   */
  attach({ socket, iceServers, nameOf }) {
    for (const [event, handle] of Object.entries(this.#handlers)) {
      this.#to.socket?.off(event, handle);
      socket.on(event, handle);
    }
    this.#to = { socket, iceServers, nameOf };
  }

  /** Whether there is a call, or one rings. */
  get isBusy() { return Boolean(this.#call) && this.#call.state !== 'ended'; }

  /** Calls somebody; what comes of it is shown. If that person is calling us just now, that is taken. */
  async ring(userId, { video = false } = {}) {
    const call = this.#call;
    if (call?.state === 'incoming' && call.other === userId) return this.#accept(video);
    if (this.isBusy) return this.#panel.enlarge(true);
    return this.#dial(this.#begin({ other: userId, isOurs: true, state: 'preparing', video }));
  }

  async #dial(call) {
    try {
      await this.#open(call, call.video);
      if (call.offer) return await this.#take(call);
      const offer = await (await this.#connect(call)).offer();
      this.#enter(call, 'calling');
      const { incoming } = await this.#say(call, 'callUser', { offer, video: call.video });
      if (call.state === 'ended') await this.#say(call, 'endCall');
      else if (!incoming) await call.peer.begin(offer);
      else if (call.offer) await this.#take(call);  // they called in the same moment, and first
    } catch (error) { this.#fail(call, error); }
  }

  async #accept(video) {
    const call = this.#call;
    this.#enter(call, 'connecting');
    if (video) this.#panel.enlarge(true);
    try {
      await this.#open(call, video);
      await this.#take(call);
    } catch (error) {
      if (error instanceof DOMException && call.state !== 'ended') this.#enter(call, 'incoming');
      this.#fail(call, error);
    }
  }

  /** Answers the offer of the other one. */
  async #take(call) {
    call.peer?.close();
    const answer = await (await this.#connect(call)).answer(call.offer);
    this.#enter(call, 'connecting');
    await this.#say(call, 'makeAnswer', { answer });
    call.candidates.goTo(call.peer);
  }

  /** Hangs up, or declines. */
  #hangUp() {
    const call = this.#call, reason = call.state === 'incoming' ? 'declined' : 'hung_up';
    if (call.id) this.#sayEnd(call, reason);
    this.#finish(call, null);
  }

  #toggleSound() {
    const { sound } = this.#call.media;
    sound.enabled = !sound.enabled;
    this.#call.peer?.tell();
    this.#draw();
  }

  /** Shows the camera or the screen, or nothing more if that is what is shown. */
  async #toggle(what) {
    const call = this.#call, { media } = call;
    const isShown = media.picture && media.isScreen === (what === 'screen');
    const next = !isShown ? what : what === 'screen' && call.video ? 'camera' : null;
    try {
      await media.show(next, () => { if (media.picture?.readyState === 'ended') this.#toggle(what); });
      if (what === 'camera') call.video = Boolean(next);
      if (call.state === 'ended') return media.close();
      await call.peer?.replace();
    } catch (error) {
      if (what === 'camera' || error.name !== 'NotAllowedError') this.#notice(call, wordsOf(error, what));
    }
    this.#draw();
  }

  #called({ from, callId, offer, video }) {
    const call = this.#call;
    if (this.isBusy && call.other === from && PENDING.includes(call.state)) return Object.assign(call, { id: callId, offer });
    if (this.isBusy) return this.#sayEnd({ other: from, id: callId }, 'busy');
    return this.#begin({ other: from, id: callId, offer, state: 'incoming', video: video ?? /^m=video/m.test(offer?.sdp) });
  }

  // What is late is of a call that is no more.
  #ofThisCall({ callId }, handle) { if (this.isBusy && this.#call.id === callId) handle(this.#call); }

  async #answered(call, answer) {
    this.#enter(call, 'connecting');
    try {
      await call.peer.accept(answer);
      call.candidates.goTo(call.peer);
    } catch (error) { this.#fail(call, error); }
  }

  #begin(facts) {
    clearTimeout(this.#call?.timer);
    this.#call = { id: null, candidates: new Candidates(), media: new Media(), startedAt: null, told: null, notice: null, ...facts };
    this.#giveBack = rememberFocus();
    this.#comeForward();
    this.#panel.enlarge(matchMedia('(max-width: 699px)').matches || Boolean(facts.isOurs && facts.video));
    this.#enter(this.#call, facts.state);
    if (facts.isOurs || document.activeElement === document.body) this.#panel.focus();  // who is writing goes on writing
    return this.#call;
  }

  async #open(call, withPicture) {
    try {
      await call.media.open(withPicture);
    } catch (error) {
      if (!withPicture || call.state === 'ended') throw error;
      await call.media.open(false);
      this.#notice(call, wordsOf(error, 'camera'));
    }
    call.video = Boolean(call.media.picture);
    if (call.state === 'ended') call.media.close();
    this.#draw();
  }

  async #connect(call) {
    const iceServers = await this.#to.iceServers();
    if (call.state === 'ended') throw new Refused('over');
    call.peer = new Peer(iceServers, call.media, {
      candidate: (candidate) => { if (call.state !== 'ended') this.#say(call, 'iceCandidate', { candidate }).catch(() => {}); },
      state: (state) => this.#lineIs(call, state),
      told: (told) => { call.told = told; this.#draw(); },
    });
    return call.peer;
  }

  #lineIs(call, state) {
    if (call.state === 'ended') return;
    if (state === 'connected') {
      call.startedAt ??= Date.now();
      this.#enter(call, 'active');
    }
    if (state === 'disconnected') this.#notice(call, t('call.shaky'));
    if (state === 'connected' && call.notice === t('call.shaky')) this.#notice(call, null);
    if (state === 'failed') this.#fail(call, new Refused('no_line'));
  }

  #enter(call, state) {
    if (call.state === 'ended') return;
    call.state = state;
    call.hush?.();
    call.hush = ['incoming', 'calling'].includes(state) ? ring(state) : null;
    clearInterval(call.clock);
    if (state === 'active') call.clock = setInterval(() => this.#draw(), 1000);
    this.#draw();
  }

  /** Ends it here; `key` is the text that says how, and null closes at once. */
  #finish(call, key) {
    this.#enter(call, 'ended');
    call.ending = key;
    call.peer?.close();
    call.media.close();
    if (call !== this.#call) return;
    this.#panel.enlarge(false);
    if (key && !LASTING.includes(key)) call.timer = setTimeout(() => this.#close(call), SHOW_END);
    if (key) this.#draw();
    else this.#close(call);
  }

  #fail(call, error) {
    if (call.state === 'ended') return;
    this.#notice(call, error instanceof Refused ? t(REFUSALS[error.message] ?? 'call.refused') : wordsOf(error, 'sound'));
    if (call.state === 'incoming') return;
    if (call.id) this.#sayEnd(call, 'failed');
    this.#finish(call, 'call.failed');
  }

  #close(call) {
    if (call !== this.#call) return;
    const hadFocus = this.contains(document.activeElement);
    this.#call = null;
    this.#draw();
    if (hadFocus) this.#giveBack();
  }

  /** Sends an event of the call; resolves to its acknowledgement. Rejects with Refused. */
  #say(call, event, payload = {}) {
    return new Promise((resolve, reject) => {
      if (!this.#to.socket.connected) return reject(new Refused('disconnected'));
      const said = { to: call.other, ...(call.id && event !== 'callUser' ? { callId: call.id } : {}), ...payload };
      // By a callback, which is called before the next event is heard: that may be of the call whose id comes here.
      return this.#to.socket.timeout(ANSWER_WITHIN).emit(event, said, (error, ack) => {
        if (error || !ack.ok) return reject(new Refused(ack?.code ?? 'disconnected'));
        call.id = ack.callId;
        return resolve(ack);
      });
    });
  }

  #sayEnd(call, reason) { this.#say(call, 'endCall', { reason }).catch(() => {}); }

  #draw() { this.#panel.draw(this.#call, (this.#call && this.#to.nameOf(this.#call.other)) ?? ''); }

  #notice(call, text) {
    call.notice = text;
    this.#draw();
  }

  connectedCallback() { if (!this.firstChild) this.append(this.#panel.element); }

  /** While a modal dialog is open nothing outside of it can be reached: so the call goes into it. */
  #comeForward() {
    const dialog = document.querySelector('dialog:modal'), home = this.parentElement;
    if (!dialog || dialog.contains(this)) return;
    dialog.append(this);
    dialog.addEventListener('close', () => {
      home.append(this);
      this.querySelectorAll('video').forEach((video) => video.srcObject && video.play());
    }, { once: true });
  }
}

/** The text that says how a call has ended, by the reason that came with its end. */
function ending(call, reason) {
  if (reason === 'answered_elsewhere') return 'call.answeredElsewhere';
  if (reason === 'declined_elsewhere') return 'call.declinedElsewhere';
  if (call.state === 'active') return reason === 'disconnected' || reason === 'failed' ? 'call.lost' : 'call.over';
  if (!call.isOurs) return call.state === 'incoming' ? 'call.missed' : 'call.lost';
  return { timeout: 'call.noAnswer', busy: 'call.busy', disconnected: 'call.lost', failed: 'call.lost' }[reason] ?? 'call.declined';
}

customElements.define('chat-call', ChatCall);
