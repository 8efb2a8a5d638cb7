/**
 * `<message-box>`: where messages are written, with files, emoji, mentions, voice notes, answers and edits.
 * @module
 */
import { connection } from './connection.js';
import { attempt, el, iconButton, openPopover, Part } from './dom.js';
import { completeMentions } from './mentions.js';
import { store } from './store.js';
import { previewOf } from './sync.js';
import { t } from './texts.js';
import { typing } from './typing.js';
import { Tray } from './uploads.js';

const MAX_HEIGHT = 0.4;      // of the window
const MAX_LENGTH = 4000;     // code points
const isTouch = matchMedia('(pointer: coarse)');

class MessageBox extends Part {
  answered = null;  // the message that is replied to
  edited = null;    // the message that is edited

  connected() {
    this.tray = new Tray(() => this.update());
    this.area = el('textarea', { rows: 1, dir: 'auto', placeholder: t('box.placeholder'), ariaLabel: t('box.label'), 'aria-autocomplete': 'list',
      enterKeyHint: isTouch.matches ? 'enter' : 'send', oninput: () => this.typed(), onkeydown: (event) => this.pressed(event),
      onpaste: (event) => this.pasted(event), onblur: () => this.tell(false) });
    this.context = el('div.context', { hidden: true });
    this.problem = el('p.problem', { role: 'alert' });
    const picked = () => { this.tray.add(this.picker.files); this.picker.value = ''; };
    this.picker = el('input', { type: 'file', multiple: true, hidden: true, onchange: picked });
    this.sendButton = iconButton('send', t('action.send'), () => this.send(), { class: 'send' });
    this.voiceButton = iconButton('mic', t('box.voice'), () => this.record());
    this.emojiButton = iconButton('smile', t('box.emoji'), () => this.insertEmoji());
    const clip = iconButton('clip', t('box.files'), () => this.picker.click());
    this.row = el('div.box', {}, clip, this.picker, this.area, this.emojiButton, this.voiceButton, this.sendButton);
    this.append(this.context, this.tray.element, this.problem, this.row);
    completeMentions(this.area, () => this.conversation);
    this.area.value = store.drafts.get(this.conversation.key) ?? '';
    this.dropped();
    requestAnimationFrame(() => this.update());
    if (!isTouch.matches) this.focus();
  }

  focus() { this.area.focus(); }

  /** The conversation is left: what is typed is kept. */
  leave() {
    this.tell(false);
    this.tray.abort();
  }

  typed() {
    this.problem.textContent = '';
    if (!this.edited) store.setDraft(this.conversation.key, this.area.value);
    this.tell(Boolean(this.area.value.trim()) && !this.edited);
    this.update();
  }

  tell(isTyping) { if (this.conversation.room.kind !== 'lobby') typing.tell(this.conversation.receiver, isTyping); }

  update() {
    const { area } = this;
    area.style.height = 'auto';
    area.style.height = `${Math.min(area.scrollHeight, innerHeight * MAX_HEIGHT)}px`;
    const hasSomething = area.value.trim() || this.tray.count || this.edited;
    this.sendButton.hidden = !hasSomething;
    this.voiceButton.hidden = Boolean(hasSomething);
    this.sendButton.disabled = this.tray.isBusy;
  }

  pressed(event) {
    if (event.isComposing || event.defaultPrevented) return;
    if (event.key === 'Enter' && !event.shiftKey && !isTouch.matches) {
      event.preventDefault();
      this.send();
    } else if (event.key === 'ArrowUp' && !this.area.value && !this.edited) {
      const last = this.conversation.lastOwn();
      if (!last) return;
      event.preventDefault();
      this.edit(last);
    } else if (event.key === 'Escape' && (this.edited || this.answered)) {
      event.preventDefault();
      this.cancel();
    }
  }

  // -------------------------------------------------------------------- sending

  async send() {
    const content = this.area.value.trim();
    if ([...content].length > MAX_LENGTH) return this.say(t('box.tooLong', { count: [...content].length, most: MAX_LENGTH }));
    if (this.edited) return this.change(content);
    if (this.tray.isBusy) return this.say(t('box.uploading'));
    if (this.tray.hasFailed) return this.say(t('box.uploadFailed'));
    if (!content && !this.tray.count) return;
    this.tell(false);
    return attempt(() => {
      this.conversation.send({ content, attachments: this.tray.take(), replyToId: this.answered?.id });
      store.setDraft(this.conversation.key, '');
      this.cancel('');
    });
  }

  async change(content) {
    const message = this.edited;
    if (content === message.content) return this.cancel();
    try {
      store.receive((await connection.ask('edit_message', { messageId: message.id, content })).message);
      this.cancel();
    } catch (error) { this.say(error.message); }
  }

  say(problem) { this.problem.textContent = problem; }

  // -------------------------------------------------------------------- answers and edits

  reply(message) {
    if (this.edited) this.cancel();
    this.answered = message;
    this.explain(t('box.replyTo', { name: store.authorOf(message) }), previewOf(message));
  }

  edit(message) {
    this.answered = null;
    this.edited = message;
    this.area.value = message.content;
    this.explain(t('box.editing'), previewOf(message));
    this.area.setSelectionRange(message.content.length, message.content.length);
  }

  explain(title, text) {
    this.context.replaceChildren(el('div', {}, el('strong', {}, title), el('span', { dir: 'auto' }, text)),
      iconButton('close', t('action.cancel'), () => this.cancel()));
    this.context.hidden = false;
    this.update();
    this.focus();
  }

  // Nothing is answered or edited any more.
  cancel(text = this.edited ? store.drafts.get(this.conversation.key) ?? '' : this.area.value) {
    this.area.value = text;
    this.answered = this.edited = null;
    this.context.hidden = true;
    this.problem.textContent = '';
    this.update();
    this.focus();
  }

  // -------------------------------------------------------------------- files, emoji, voice

  pasted(event) {
    if (!event.clipboardData.files.length) return;
    event.preventDefault();
    this.tray.add(event.clipboardData.files);
  }

  dropped() {
    const place = this.conversation, over = (event) => event.dataTransfer?.types.includes('Files');
    place.addEventListener('dragover', (event) => {
      if (!over(event)) return;
      event.preventDefault();
      place.dataset.drop = t('box.drop');
    });
    place.addEventListener('dragleave', (event) => !place.contains(event.relatedTarget) && delete place.dataset.drop);
    place.addEventListener('drop', (event) => {
      delete place.dataset.drop;
      if (!over(event)) return;
      event.preventDefault();
      this.tray.add(event.dataTransfer.files);
    });
  }

  async insertEmoji() {
    const emoji = await pickEmoji(this.emojiButton, t('box.emoji'));
    this.area.setRangeText(emoji, this.area.selectionStart, this.area.selectionEnd, 'end');
    this.typed();
    this.focus();
  }

  async record() {
    await import('./recordings.js');
    const recorder = el('voice-recorder'), end = () => { recorder.remove(); this.row.hidden = false; this.focus(); };
    recorder.addEventListener('cancelled', end);
    recorder.addEventListener('recorded', async ({ detail: { blob, duration } }) => {
      end();
      const extension = /mp4|m4a|aac/.test(blob.type) ? 'm4a' : /ogg/.test(blob.type) ? 'ogg' : 'webm';
      await this.tray.add([new File([blob], `voice.${extension}`, { type: blob.type })], { kind: 'voice', durationMs: duration * 1000 });
      if (!this.tray.hasFailed && !this.tray.isBusy && !this.area.value.trim()) this.send();
    });
    this.row.hidden = true;
    this.append(recorder);
  }
}

customElements.define('message-box', MessageBox);

/** Opens an emoji picker beside a button, loaded when it is first wanted. Resolves to the emoji, once one is picked. */
export async function pickEmoji(opener, label) {
  await import('./emoji.js');
  const picker = el('emoji-picker'), popover = openPopover(opener, label, picker);
  picker.focus();
  const { detail } = await new Promise((resolve) => { picker.addEventListener('picked', resolve); });
  popover.hidePopover();
  return detail;
}
