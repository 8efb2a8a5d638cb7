/**
 * One message as it is shown, and what can be done with it.
 * @module
 */
import { attachmentsOf } from './attachments.js';
import { button, el, icon, iconButton } from './dom.js';
import { outbox } from './outbox.js';
import { store } from './store.js';
import { previewOf } from './sync.js';
import { richText } from './text.js';
import { formatDay, formatMoment, formatTime, t } from './texts.js';
import { userAvatar } from './users.js';

const TOGETHER = 5 * 60_000;  // milliseconds between messages of one author that stand together

/** What the list shows of messages and of those on their way: days, the line before the first unread, the messages. */
export function itemsOf({ messages, entries, firstUnreadId, conversation }) {
  const shown = messages.length && !conversation.history.hasOlder ? [fixed('begin', '', 60, () => el('p.begin', {}, t('messages.begin')))] : [];
  let before = null;
  for (const message of messages) {
    const day = dayOf(message);
    if (day !== before?.day) shown.push(fixed(`day ${day}`, formatDay(message.createdAt), 44, () => dayLine(message.createdAt)));
    if (message.id === firstUnreadId) shown.push(fixed('unread', '', 36, () => el('div.line-unread', {}, el('span', {}, t('messages.unread')))));
    const isFirst = day !== before?.day || message.senderId !== before.senderId || message.id === firstUnreadId
      || times.get(message) - times.get(before.message) > TOGETHER;
    shown.push(itemOf(message, isFirst, conversation));
    before = { day, senderId: message.senderId, message };
  }
  return [...shown, ...entries.map((entry, place) => entryItem(entry, place === 0 && before?.senderId !== store.me.id, conversation))];
}

// What is no message.
function fixed(key, looks, height, make) { return { key, looks: () => looks, height, make }; }

// Kept beside each message, which is another object once it has changed: making dates of ten thousand takes too long for a frame.
const days = new WeakMap(), times = new WeakMap(), items = new WeakMap();

function dayOf(message) {
  if (!days.has(message)) {
    const date = new Date(message.createdAt);
    days.set(message, date.toDateString());
    times.set(message, date.getTime());
  }
  return days.get(message);
}

/** The key of a message's item: the same before and after it was sent. */
export function keyOf({ id, clientId, senderId }) {
  return clientId && (!senderId || senderId === store.me.id) ? `sent ${clientId}` : `message ${id}`;
}

function itemOf(message, isFirst, conversation) {
  const held = items.get(message);
  if (held?.isFirst === isFirst && held.conversation === conversation) return held;
  const isOwn = message.senderId === store.me.id, isNamed = isFirst && !isOwn && conversation.room.kind !== 'direct';
  const receipts = () => isOwn && conversation.room.kind !== 'lobby' && store.receipts.of(message);
  const looks = () => JSON.stringify([message, isFirst, conversation.room.role, conversation.flashed === message.id,
    isOwn && Object.values(receipts()).map((one) => one.length), !isOwn && isFirst && store.users.get(message.senderId),
    answeredBy(message), message.mentions.map((id) => store.users.get(id)?.username), message.reactions.map(namesOf)]);
  const height = 34 + (isNamed ? 22 : 0) + 21 * Math.ceil(message.content.length / 60) + (message.reactions.length ? 30 : 0)
    + (message.replyToId ? 48 : 0) + message.attachments.reduce((sum, { kind }) => sum + (kind === 'image' ? 230 : 60), 0);
  const make = () => messageElement(message, { isFirst, isOwn, receipts: receipts(), conversation });
  const item = { key: keyOf(message), id: message.id, height, looks, make, isFirst, conversation };
  items.set(message, item);
  return item;
}

function messageElement(message, { isFirst, isOwn, receipts, conversation }) {
  const name = store.authorOf(message), isDeleted = Boolean(message.deletedAt), hasGutter = !isOwn && conversation.room.kind !== 'direct';
  const classes = { own: isOwn, first: isFirst, deleted: isDeleted, 'only-emoji': message.type === 'emoji' && !isDeleted,
    'mentions-me': message.mentions.includes(store.me.id), flashed: conversation.flashed === message.id };
  const bubble = el('div.bubble', {}, isFirst && hasGutter && el('div.author', { class: `name-${message.senderId % 8}`, dir: 'auto' }, name),
    message.replyToId && !isDeleted && quoteOf(message, conversation), !isDeleted && attachmentsOf(message, conversation),
    el('div.words', {}, contentOf(message), metaOf(message, isOwn && receipts, conversation)));
  return el('article.message', {
    tabIndex: -1, class: Object.keys(classes).filter((one) => classes[one]).join(' '), onkeydown: (event) => pressed(event, message, conversation),
    ariaLabel: t('message.label', { name, time: formatTime(message.createdAt), text: previewOf(message) }),
  }, hasGutter && el('span.gutter', {}, isFirst && userAvatar(store.users.get(message.senderId), 'small')),
  el('div.body', {}, bubble, message.reactions.length > 0 && reactionsOf(message, conversation)), !isDeleted && actionsOf(message, conversation));
}

function answeredBy({ roomId, replyToId }) { return replyToId && store.messages.find(roomId, replyToId); }

function contentOf(message) {
  if (message.deletedAt) return el('p.content', {}, icon('trash'), t('message.deleted'));
  if (!message.content) return null;
  const mentioned = message.mentions.map((id) => store.users.get(id)).filter(Boolean);
  return el('p.content', { dir: 'auto' }, ...richText(message.content, mentioned, store.me.id));
}

function metaOf(message, receipts, conversation) {
  return el('span.meta', {}, message.editedAt && !message.deletedAt && el('span', { title: formatMoment(message.editedAt) }, t('message.edited')),
    el('time', { dateTime: message.createdAt, title: formatMoment(message.createdAt) }, formatTime(message.createdAt)),
    receipts && !message.deletedAt && ticksOf(message, receipts, conversation));
}

function ticksOf(message, { read, delivered }, conversation) {
  const state = read.length ? 'read' : delivered.length ? 'delivered' : 'sent';
  const label = conversation.room.kind === 'direct' || !read.length ? t(`receipt.${state}`) : t('receipt.readBy', { count: read.length });
  const show = () => conversation.showReceipts(message);
  return button('', show, { class: `ticks ${state}`, ariaLabel: label, title: label, symbol: state === 'sent' ? 'check' : 'double' });
}

function quoteOf(message, conversation) {
  const answered = answeredBy(message);
  return el('button.quote', { type: 'button', onclick: () => conversation.goTo(message.replyToId) },
    el('strong', { dir: 'auto' }, answered ? store.authorOf(answered) : t('message.answerTo')),
    el('span', { dir: 'auto' }, answered ? previewOf(answered) : t('message.show')));
}

const namesOf = ({ userIds }) => userIds.slice(0, 20).map((id) => store.authorOf({ senderId: id })).join(', ');

function reactionsOf(message, conversation) {
  return el('div.reactions', {}, ...message.reactions.map(({ emoji, userIds }) => {
    const isOwn = userIds.includes(store.me.id), names = namesOf({ userIds });
    const onclick = () => conversation.react(message, emoji, isOwn);
    return el('button.reaction', { type: 'button', class: isOwn ? 'own' : '', 'aria-pressed': String(isOwn), title: names, onclick },
      `${emoji} `, el('span', {}, userIds.length), el('span.hidden', {}, ` ${t('reaction.from', { names })}`));
  }));
}

function actionsOf(message, conversation) {
  const react = iconButton('smile', t('action.react'), () => conversation.pickReaction(message, react));
  const more = iconButton('more', t('action.more'), () => conversation.openActions(message, more), { 'aria-haspopup': 'menu' });
  return el('div.actions', {}, react, iconButton('reply', t('action.reply'), () => conversation.box.reply(message)), more);
}

// A message is one stop for Tab; Enter opens all that can be done with it.
function pressed(event, message, conversation) {
  if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return;
  const more = event.target.querySelector('.actions button:last-child');
  const acts = {
    Enter: () => conversation.openActions(message, more), '+': () => conversation.pickReaction(message, more), r: () => conversation.box.reply(message),
    e: () => message.senderId === store.me.id && conversation.box.edit(message), Escape: () => conversation.box.focus(),
  };
  if (!acts[event.key] || (message.deletedAt && event.key !== 'Escape')) return;
  event.preventDefault();
  acts[event.key]();
}

function dayLine(time) { return el('div.line-day', {}, el('time', { dateTime: time.slice(0, 10) }, formatDay(time))); }

function entryItem(entry, isFirst, conversation) {
  const looks = () => JSON.stringify([entry.state, entry.problem, isFirst]);
  return { key: keyOf(entry), looks, height: 40 + 21 * Math.ceil(entry.content.length / 60), make: () => entryElement(entry, isFirst, conversation) };
}

function entryElement(entry, isFirst, conversation) {
  const { clientId, state, content, problem } = entry, isFailed = state === 'failed', label = t(`outbox.${state}`);
  const words = el('div.words', {}, content && el('p.content', { dir: 'auto' }, ...richText(content)), el('span.meta', {},
    el('span', {}, state === 'sending' ? '' : label), el('span.ticks', { role: 'img', ariaLabel: label }, icon(isFailed ? 'alert' : 'clock'))));
  const again = el('div.again', {}, button(t('action.tryAgain'), () => outbox.retry(clientId), { class: 'link' }),
    button(t('action.discard'), () => outbox.discard(clientId), { class: 'link' }));
  return el('article.message.own', { tabIndex: -1, class: `${state}${isFirst ? ' first' : ''}`,
    ariaLabel: t('message.label', { name: t('user.you'), time: label, text: previewOf(entry) }) },
  el('div.body', {}, el('div.bubble', {}, attachmentsOf(entry, conversation), words), problem && el('p.problem', {}, problem), isFailed && again));
}
