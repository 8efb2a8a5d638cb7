/**
 * `<chat-app>`: the page, what it shows for which address, and its beginning and end with a sign-in.
 * @module
 */
import { api, session } from './api.js';
import { connection } from './connection.js';
import { button, el, notice, Part } from './dom.js';
import { outbox } from './outbox.js';
import { route } from './routes.js';
import { store } from './store.js';
import { follow } from './sync.js';
import { ready, t } from './texts.js';
import './inbox.js';

const small = matchMedia('(max-width: 759px)');
const SAID_AFTER = 1500;  // milliseconds without a line after which it is said

class ChatApp extends Part {
  async connected() {
    await ready;
    document.title = t('app.name');
    this.listen(window, 'hashchange', () => this.go());
    this.listen(session, 'began', () => this.begin());
    this.listen(session, 'ended', () => this.end());
    this.listen(connection, 'state', () => this.lineChanged());
    this.listen(outbox, 'change', () => this.lineChanged());
    this.listen(connection, 'online', () => this.attachCalls().catch(() => {}));  // the line is lost: with the next one again
    this.listen(small, 'change', () => this.dataset.page && this.landmarks());
    this.listen(this, 'call', ({ detail: { userId, video } }) => document.querySelector('chat-call').ring?.(userId, { video }));
    this.listen(this, 'details', () => this.toggleDetails());
    if (session.current) await this.begin();
    else this.go();
    (await import('./push.js')).registerWorker();
  }

  /** Somebody is signed in: what was last known is shown, then the server is asked. */
  async begin() {
    if (this.side) return store.me.id === session.current.user.id ? location.reload() : this.end();
    const rooms = api.get('/api/conversations');
    rooms.catch(() => {});
    await store.open(session.current.user);
    this.main = el('main', { id: 'main', tabIndex: -1 });
    this.aside = el('aside.details', { hidden: true, ariaLabel: t('room.details') });
    this.line = el('p.line-state', { role: 'status', hidden: true });
    this.side = el('div.side', {}, this.line, el('chat-inbox'));
    this.replaceChildren(button(t('app.skip'), () => this.main.focus(), { class: 'skip' }),
      this.side, this.main, this.aside, el('div.hidden', { id: 'announcer', 'aria-live': 'polite' }));
    follow(rooms);
    connection.open();
    await outbox.open();
    this.go();
  }

  /** Nobody is signed in any more: nothing of the user stays here. */
  async end() {
    connection.close();
    await store.forget();
    location.hash = '#/sign-in';
    location.reload();
  }

  async go() {
    const target = route();
    if (this.side && !this.side.isConnected) return location.reload();  // it was replaced by a form to set a password
    if (session.current && !this.side) return;  // it is about to begin
    if (!session.current || target.page === 'reset') return this.showAccount(target);
    if (target.isOpen) return location.replace(this.wanted || '#/');  // an empty one would load the page again
    const { page, ...about } = target;
    const direct = about.userId && store.roomWith(about.userId);
    if (direct) return location.replace(`#/rooms/${direct.id}`);
    this.dataset.page = page;
    this.landmarks();
    this.dispatchEvent(new CustomEvent('page', { detail: target }));
    this.showDetails(null);
    if (page === 'inbox') {
      this.main.replaceChildren(el('div.empty', {}, el('p', {}, t('app.choose'))));
      document.title = t('app.name');
      return;
    }
    const before = location.hash;
    // When it is first wanted, so that the inbox is there at once. Without its file the page is older than the server, or there is no line.
    const isLoaded = await import(`./${page}.js`)
      .catch(() => (connection.state === 'online' ? location.reload() : notice(t('error.offline'), 'error')));
    if (!isLoaded || location.hash !== before) return;  // gone on meanwhile
    const held = this.main.firstElementChild;
    if (page === 'conversation' && held?.roomId === about.roomId && about.roomId && about.messageId) return held.goTo(about.messageId);
    const element = el(`chat-${page}`);
    this.main.replaceChildren(element);
    element.show(about);
    if (!element.contains(document.activeElement)) this.main.focus();
  }

  // On a small screen the inbox is alone, and the main thing.
  landmarks() { this.side.role = this.dataset.page === 'inbox' && small.matches ? 'main' : null; }

  async showAccount(target) {
    const { accountPage } = await import('./accounts.js');
    delete this.dataset.page;
    if (!target.isOpen) this.wanted = location.hash;  // a link to a room, say: gone to once somebody is signed in
    this.replaceChildren(el('main.account', {}, accountPage(target.isOpen ? target : { page: 'signIn' })));
    this.querySelector('input')?.focus();
  }

  // -------------------------------------------------------------------- the pane of a room

  async toggleDetails() {
    const { roomId } = this.main.firstElementChild;
    if (!this.aside.hidden) return this.showDetails(null);
    await import('./details.js');
    return this.showDetails(roomId);
  }

  showDetails(roomId) {
    this.aside.hidden = !roomId;
    this.classList.toggle('with-details', Boolean(roomId));
    if (!roomId) {
      const hadFocus = this.aside.contains(document.activeElement);
      this.aside.replaceChildren();
      if (hadFocus) this.querySelector('.details-button')?.focus();
      return;
    }
    const details = el('room-details');
    this.aside.replaceChildren(details);
    details.show(roomId);
  }

  // -------------------------------------------------------------------- the line and calls

  lineChanged() {
    clearTimeout(this.saying);
    if (connection.state === 'online') this.sayLine();
    else this.saying = setTimeout(() => this.sayLine(), this.line?.hidden === false ? 0 : SAID_AFTER);
  }

  sayLine() {
    if (!this.line) return;
    const { state } = connection;
    this.line.hidden = state === 'online';
    if (state === 'online') return this.line.replaceChildren();
    const text = t(navigator.onLine ? 'line.lost' : 'line.offline');
    if (this.line.firstChild?.textContent !== text) {
      this.line.replaceChildren(el('span', {}, text), button(t('line.tryNow'), () => connection.hurry(), { class: 'link' }));
    }
  }

  // Each time anew, as the socket may be another one; the inbox comes first.
  async attachCalls() {
    const { socket } = connection;
    await new Promise((resolve) => setTimeout(resolve, 300));
    await import('./calls.js');
    if (socket !== connection.socket) return;
    const iceServers = async () => (await api.get('/api/calls/ice-servers')).iceServers;
    document.querySelector('chat-call').attach({ socket, iceServers, nameOf: (id) => store.users.nameOf(id) });
  }}

customElements.define('chat-app', ChatApp);
