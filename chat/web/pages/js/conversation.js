/**
 * `<chat-conversation>`: a room, or a user to whom nothing was written yet: its messages, who is typing, the message box.
 * @module
 */
import { pickEmoji } from './composer.js';
import { connection } from './connection.js';
import { attempt, button, confirmed, el, icon, iconButton, notice, openDialog, openMenu, Part } from './dom.js';
import { History } from './history.js';
import './list.js';
import { itemsOf, keyOf } from './message.js';
import { outbox } from './outbox.js';
import { backLink, listRow } from './pages.js';
import { store } from './store.js';
import { loadRoom } from './sync.js';
import { formatMoment, t } from './texts.js';
import { typing } from './typing.js';
import { presenceOf, roomAvatar, userAvatar } from './users.js';

const QUICK = ['👍', '❤️', '😂', '🎉', '😮', '😢'];
const FLASH = 2500;  // milliseconds

class ChatConversation extends Part {
  /** Shows a room, at a message if one is named; or what is to become the conversation with a user. */
  async show({ roomId, userId, messageId }) {
    Object.assign(this, { roomId, userId, history: roomId && new History(roomId), firstUnreadId: null, isPlaced: false });
    this.key = roomId ?? `with-${userId}`;
    this.receiver = roomId ? { roomId } : { toUserId: userId };
    this.build();
    if (!roomId) return this.render();
    try {
      if (!store.rooms.has(roomId)) await loadRoom(roomId);
      await this.begin(messageId);
    } catch (error) {
      this.isPlaced = true;  // so that it is loaded when there is a line
      this.say(error);
    }
  }

  get room() {
    return store.rooms.get(this.roomId) ?? (this.userId ? { kind: 'direct', otherUser: { id: this.userId } } : { id: this.roomId, name: '' });
  }

  get isOnline() { return connection.state === 'online'; }

  disconnected() {
    this.box?.leave();
    store.messages.close(this.roomId);
  }

  build() {
    this.list = el('message-list', { role: 'log', ariaLive: 'off', ariaLabel: t('messages.label') });
    this.empty = el('div.empty', { hidden: true });
    this.jump = button('', () => this.toNewest(), { class: 'jump', hidden: true });
    this.typists = el('p.typists', { role: 'status' });
    this.head = el('header.bar');
    this.box = el('message-box');
    this.box.conversation = this;
    this.replaceChildren(this.head, el('div.messages', {}, this.list, this.empty, this.jump), this.typists, this.box);
    this.follow();
  }

  follow() {
    this.ending.abort();
    this.ending = new AbortController();
    this.listen(store, 'messages receipts', ({ detail }) => detail.roomId === this.roomId && this.schedule());
    this.listen(store, 'rooms users', () => this.schedule());
    this.listen(outbox, 'change', () => this.schedule());
    this.listen(outbox, 'sent', ({ detail }) => detail.key === this.key && !this.roomId && this.becomeRoom(detail.message.roomId));
    this.listen(connection, 'state', () => this.schedule());
    this.listen(typing, 'change', ({ detail }) => detail === this.roomId && this.renderTypists());
    this.listen(this.list, 'older', () => this.isPlaced && this.history?.hasOlder && this.load(() => this.history.older()));
    this.listen(this.list, 'newer', () => this.load(() => this.history.newer()));
    this.listen(this.list, 'seen', ({ detail }) => this.seen(detail));
    this.listen(document, 'visibilitychange', () => this.lastSeen && this.seen(this.lastSeen));
  }

  /** Loads what is needed, and goes to the message that is named, to the first unread one, or to the newest. */
  async begin(messageId) {
    const { unreadCount } = this.room;
    store.messages.openRoom = this.roomId;
    this.render();
    if (messageId) return this.goTo(messageId);
    if (!this.history.isLoaded) await this.history.newest();
    if (unreadCount) {
      this.firstUnreadId = await this.history.firstUnread(unreadCount).catch(() => null);
      this.render();
    }
    this.isPlaced = true;
    const own = this.history.messages.findLast(({ senderId }) => senderId === store.me.id);
    if (own && !['direct', 'lobby'].includes(this.room.kind)) store.receipts.learn(own).catch(() => {});
    if (this.firstUnreadId) return this.list.goTo('unread', 0.25);
    this.render();
    return this.list.goToBottom();
  }

  render() {
    const room = !this.roomId && store.roomWith(this.userId);
    if (room) return this.becomeRoom(room.id);
    this.isMember ||= store.rooms.has(this.roomId);
    if (this.isMember && !store.rooms.has(this.roomId)) return this.end();
    this.renderHead();
    this.renderTypists();
    const messages = this.history?.messages ?? [], entries = this.history?.hasNewer ? [] : outbox.of(this.key);
    this.list.isOpenEnded = this.history?.hasNewer;
    if (this.history?.hasNewer) this.list.sticks = false;
    this.list.show(itemsOf({ messages, entries, firstUnreadId: this.firstUnreadId, conversation: this }));
    this.renderEmpty(messages.length + entries.length === 0);
    this.renderJump();
    if (this.history && !this.history.isLoaded && this.isPlaced && this.isOnline) this.load(() => this.history.newest());
  }

  /** The conversation with a user has begun, here or by the other; what is typed goes along. */
  becomeRoom(roomId) {
    const draft = store.drafts.get(this.key);
    if (draft) store.setDraft(roomId, draft);
    store.setDraft(this.key, '');
    location.replace(`#/rooms/${roomId}`);
  }

  renderHead() {
    const { room } = this, other = room.otherUser && store.users.get(room.otherUser.id);
    const title = store.nameOf(room), under = other ? presenceOf(other) : room.kind ? t('room.members', { count: room.memberCount }) : '';
    const looks = JSON.stringify([room.kind, title, under, other?.avatarUrl, this.roomId]);
    if (this.head.looks === looks) return;
    this.head.looks = looks;
    document.title = `${title} · ${t('app.name')}`;
    const details = () => this.dispatchEvent(new CustomEvent('details', { bubbles: true }));
    const call = (video) => this.dispatchEvent(new CustomEvent('call', { bubbles: true, detail: { userId: other.id, video } }));
    this.head.replaceChildren(
      backLink(), roomAvatar(room, store.users), el('div.titles', {}, el('h1', { dir: 'auto', title }, title), el('p', {}, under)),
      ...(other ? [iconButton('call', t('call.voice'), () => call(false)), iconButton('video', t('call.video'), () => call(true))] : []),
      ...(this.roomId ? [iconButton('search', t('search.inRoom'), () => { location.hash = `#/search/${this.roomId}`; }, { class: 'wide' }),
        iconButton('info', t('room.details'), details, { class: 'details-button' })] : []));
  }

  renderTypists() {
    const names = typing.in(this.roomId).map((id) => store.users.nameOf(id));
    const some = names.length > 2 ? t('typing.many') : t('typing.some', { count: names.length, names: names.join(t('typing.and')) });
    this.typists.textContent = names.length ? some : '';
  }

  /** The room was left, or removed. */
  end() {
    document.querySelectorAll('dialog[open]').forEach((dialog) => dialog.close());
    notice(t('room.gone'));
    location.replace('#/');
  }

  renderEmpty(isEmpty) {
    this.empty.hidden = !isEmpty;
    if (!isEmpty) return;
    const isWaiting = this.history && !this.history.isLoaded;
    const key = !isWaiting ? (this.room.otherUser ? 'messages.noneYet' : 'messages.noneInRoom') : this.isOnline ? 'app.loading' : 'messages.notHeld';
    this.empty.replaceChildren(isWaiting ? '' : roomAvatar(this.room, store.users, 'large'), el('p', {}, t(key, { name: store.nameOf(this.room) })));
  }

  renderJump() {
    const { unreadCount = 0 } = this.room;
    this.jump.hidden = this.list.sticks;
    const label = unreadCount ? t('messages.toNewestCount', { count: unreadCount }) : t('messages.toNewest');
    this.jump.ariaLabel = this.jump.title = label;
    this.jump.replaceChildren(icon('down'), unreadCount ? el('span.badge', { 'aria-hidden': 'true' }, unreadCount) : '');
  }

  /** What can be seen is read, while the window is looked at. */
  seen(detail) {
    this.lastSeen = detail;
    this.renderJump();
    if (!this.roomId || !this.isPlaced || document.visibilityState !== 'visible') return;
    const item = this.list.items.findLast?.((one) => one.id && this.list.places.get(one.key) <= this.list.places.get(detail.key));
    const id = detail.isBottom && !this.history.hasNewer ? Math.max(item?.id ?? 0, this.room.lastMessage?.id ?? 0) : item?.id;
    if (id && (this.room.unreadCount || this.room.mentionCount) && id > (this.readId ?? 0)) {
      this.readId = id;
      store.receipts.read(this.roomId, id);
    }
  }

  async load(action) {
    try {
      await action();
    } catch (error) { if (error.status) this.say(error); }
  }

  say(error) {
    this.empty.hidden = false;
    this.empty.replaceChildren(el('p.problem', { role: 'alert' }, error.message), button(t('action.tryAgain'), () => this.show(this)));
  }

  // -------------------------------------------------------------------- going to

  async goTo(messageId) {
    const isDone = await attempt(() => this.history.around(messageId));
    const message = isDone && store.messages.find(this.roomId, messageId);
    this.isPlaced = true;
    if (!message) return this.render();
    this.flashed = messageId;
    this.render();
    this.list.goTo(keyOf(message));
    this.list.focusItem(keyOf(message));
    return setTimeout(() => { this.flashed = null; this.schedule(); }, FLASH);
  }

  async toNewest() {
    await this.load(() => this.history?.newest());
    this.firstUnreadId = null;
    this.list.sticks = true;
    this.render();
    this.list.goToBottom();
    this.box.focus();
  }

  async toDay(date) {
    await attempt(async () => {
      const id = await this.history.day(date);
      if (id) await this.goTo(id);
    });
  }

  // -------------------------------------------------------------------- doing

  send(what) {
    outbox.send(this.key, this.receiver, what);
    this.firstUnreadId = null;
    if (this.history?.hasNewer) this.history.newest();
    this.list.sticks = true;
    this.render();
  }

  /** The own message that was sent last, of those that are held. */
  lastOwn() { return this.history?.messages.findLast((one) => one.senderId === store.me.id && !one.deletedAt && one.content); }

  react(message, emoji, remove = false) {
    return attempt(async () => store.receive((await connection.ask('react', { messageId: message.id, emoji, ...(remove && { remove }) })).message));
  }

  async pickReaction(message, opener) { this.react(message, await pickEmoji(opener, t('action.react'))); }

  openActions(message, opener) {
    const isOwn = message.senderId === store.me.id;
    const toggle = (emoji) => {
      popover.hidePopover();
      this.react(message, emoji, message.reactions.some((one) => one.emoji === emoji && one.userIds.includes(store.me.id)));
    };
    const quick = QUICK.map((emoji) => button(emoji, () => toggle(emoji), { class: 'quick', role: 'menuitem', ariaLabel: t('reaction.add', { emoji }) }));
    const item = (icon, label, action, danger) => ({ icon, label, action, danger });
    const items = [
      item('reply', t('action.reply'), () => this.box.reply(message)),
      item('smile', t('action.react'), () => this.pickReaction(message, opener)),
      message.content && item('copy', t('action.copy'), () => attempt(() => navigator.clipboard.writeText(message.content))),
      isOwn && message.content && item('edit', t('action.edit'), () => this.box.edit(message)),
      isOwn && this.room.kind !== 'lobby' && item('double', t('receipt.who'), () => this.showReceipts(message)),
      (isOwn || this.room.role === 'admin') && item('trash', t('action.delete'), () => this.remove(message), true),
    ].filter(Boolean);
    const popover = openMenu(opener, t('action.more'), items, [el('div.quicks', { role: 'group', ariaLabel: t('action.react') }, ...quick)]);
  }

  async remove(message) {
    if (!await confirmed(t('message.deleteTitle'), t('message.deleteText'), t('action.delete'))) return;
    await attempt(async () => store.receive((await connection.ask('delete_message', { messageId: message.id })).message));
  }

  async showReceipts(message) {
    await store.receipts.learn(message).catch(() => {});
    const { read, delivered } = store.receipts.of(message);
    await store.users.known([...read, ...delivered].map(([id]) => id));
    const row = ([id, time]) => listRow({ picture: userAvatar(store.users.get(id)), name: store.users.nameOf(id), under: time && [formatMoment(time)] });
    const part = (title, list) => (list.length ? [el('h3', {}, t(title)), el('ul.people', {}, ...list.map(row))] : []);
    const parts = [...part('receipt.read', read), ...part('receipt.delivered', delivered)];
    openDialog(t('receipt.who'), ...(parts.length ? parts : [el('p', {}, t('receipt.nobody'))]));
  }

  /** A picture could not be loaded: its address may have ended, so the message is asked for again, once. */
  refresh({ id }) {
    this.refreshed ??= new Set();
    if (!id || !this.history || this.refreshed.has(id)) return;
    this.refreshed.add(id);
    this.history.refresh(id).catch(() => {});
  }
}

customElements.define('chat-conversation', ChatConversation);
