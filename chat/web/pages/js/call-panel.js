/**
 * What is seen of a call: who, both pictures, its state in words, and the buttons that fit it.
 * @module
 */

import { el, icon, iconButton } from './elements.js';
import { formatDuration, t } from './texts.js';

const STATES = { preparing: 'call.preparing', calling: 'call.calling', connecting: 'call.connecting' };

/** `actions` has the functions `accept(video)`, `hangUp()`, `close()`, `toggleSound()`, `toggle('camera' | 'screen')`. */
export class CallPanel {
  /** What is to be put into the document. */
  element;
  #parts;
  #call = null;

  constructor(actions) {
    const round = (name, label, pressed) => iconButton(name, label, pressed, { class: 'call-round' });
    const wide = (name, kind, pressed) => el(`button.call-wide.call-${kind}`, { type: 'button', onclick: pressed }, icon(name), el('span'));
    const videos = {
      other: el('video.call-other', { autoplay: true, playsInline: true, onresize: () => this.#drawPictures() }),
      own: el('video.call-own', { autoplay: true, playsInline: true, muted: true }),
    };
    const who = { face: el('div.call-face', { ariaHidden: 'true' }), name: el('h2', { id: 'call-name', dir: 'auto' }), state: el('p') };
    const buttons = {
      accept: wide('call', 'accept', () => actions.accept(this.#call.video)),
      soundOnly: wide('mic', 'plain', () => actions.accept(false)),
      sound: round('mic', t('call.sound'), () => actions.toggleSound()),
      camera: round('video', t('call.camera'), () => actions.toggle('camera')),
      screen: round('screen', t('call.screen'), () => actions.toggle('screen')),
      end: wide('hangup', 'end', () => actions.hangUp()),
      close: wide('close', 'plain', () => actions.close()),
    };
    const time = el('p.call-time'), notice = el('p.call-notice', { role: 'alert' });
    const size = iconButton('smaller', '', () => this.enlarge(!this.#isLarge), { class: 'call-size' });
    this.#parts = { ...videos, ...who, ...buttons, time, notice, size };
    this.element = el('section', { role: 'dialog', 'aria-labelledby': 'call-name', hidden: true },
      videos.other, videos.own, el('div.call-who', { 'aria-live': 'assertive' }, ...Object.values(who)), time, notice,
      el('div.call-buttons', {}, ...Object.values(buttons)), size);
    this.element.addEventListener('keydown', ({ key }) => { if (key === 'Escape') this.enlarge(false); });
  }

  /** Large, with the whole picture, or small beside what else is done meanwhile. */
  enlarge(isLarge) {
    this.element.toggleAttribute('data-large', isLarge);
    const { size } = this.#parts;
    size.replaceChildren(icon(isLarge ? 'smaller' : 'larger'));
    size.title = size.ariaLabel = isLarge ? t('call.smaller') : t('call.larger');
  }

  /** Focuses what is to be decided next. */
  focus() {
    const { accept, end, close } = this.#parts;
    [accept, end, close].find(({ hidden }) => !hidden).focus();
  }

  /** Shows a call with the name of the other one; null for none. */
  draw(call, name) {
    this.#call = call;
    const hadFocus = this.element.contains(document.activeElement);
    this.element.hidden = !call;
    this.element.dataset.state = call?.state ?? '';
    this.#drawPictures();
    if (!call) return;
    this.#set('name', name);
    this.#set('face', [...name][0]?.toLocaleUpperCase() ?? '');
    this.#set('state', this.#stateOf(call, name));
    this.#set('notice', call.notice ?? '');
    const silent = call.told?.sound === false ? ` · ${t('call.otherSilent')}` : '';
    this.#set('time', call.state === 'active' ? formatDuration((Date.now() - call.startedAt) / 1000) + silent : '');
    this.#drawButtons(call);
    if (hadFocus && document.activeElement.hidden) this.focus();
  }

  #stateOf(call, name) {
    if (call.state === 'ended') return call.ending ? t(call.ending, { name }) : '';
    if (call.state === 'incoming') return call.video ? t('call.incomingVideo') : t('call.incoming');
    return call.state in STATES ? t(STATES[call.state]) : '';
  }

  #drawPictures() {
    const { other, own } = this.#parts, call = this.#call, peer = call?.peer, picture = call?.media.picture;
    if (other.srcObject !== (peer?.stream ?? null)) other.srcObject = peer?.stream ?? null;
    if (own.srcObject?.getVideoTracks()[0] !== (picture ?? undefined)) own.srcObject = picture ? new MediaStream([picture]) : null;
    const isSeen = call?.state === 'active' && (call.told ? call.told.picture : other.videoWidth > 0);
    this.element.toggleAttribute('data-picture', Boolean(isSeen));
    other.classList.toggle('whole', Boolean(call?.told?.screen));
    own.classList.toggle('whole', Boolean(call?.media.isScreen));
    own.hidden = !picture || call.state === 'ended';
  }

  #drawButtons(call) {
    const isIncoming = call.state === 'incoming', hasEnded = call.state === 'ended', isLive = !isIncoming && !hasEnded;
    const { media, peer } = call, canShow = isLive && call.state === 'active' && peer.hasPicture;
    this.#button('accept', isIncoming, call.video ? t('call.acceptVideo') : t('call.accept'));
    this.#button('soundOnly', isIncoming && call.video, t('call.acceptSound'));
    this.#button('end', !hasEnded, isIncoming ? t('call.decline') : t('call.end'));
    this.#button('close', hasEnded, t('call.close'));
    this.#switch('sound', isLive && Boolean(media.sound), media.sound?.enabled);
    this.#switch('camera', canShow, media.picture && !media.isScreen);
    this.#switch('screen', canShow && 'getDisplayMedia' in navigator.mediaDevices, media.isScreen);
  }

  // What is as it was is left alone: to set it anew would be read out again.
  #set(part, text) { if (this.#parts[part].textContent !== text) this.#parts[part].textContent = text; }

  #button(part, isShown, label) {
    const button = this.#parts[part];
    button.hidden = !isShown;
    if (button.lastChild.textContent !== label) button.lastChild.textContent = label;
  }

  #switch(part, isShown, isOn) {
    this.#parts[part].hidden = !isShown;
    this.#parts[part].setAttribute('aria-pressed', String(Boolean(isOn)));
  }

  get #isLarge() { return this.element.hasAttribute('data-large'); }
}
