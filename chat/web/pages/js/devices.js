/**
 * The camera, the microphone and the screen of this device.
 * @module
 */

import { t } from './texts.js';

const CAMERA = { width: { ideal: 1280 }, height: { ideal: 720 }, facingMode: 'user' };
const ERRORS = { NotAllowedError: 'denied', NotFoundError: 'missing', NotReadableError: 'taken', AbortError: 'taken' };

/** Resolves to what comes from the microphone, and the camera where asked. Rejects with the browser's error. */
export async function openDevices({ video = false } = {}) {
  if (!navigator.mediaDevices) throw new DOMException('only with https, or on this machine', 'SecurityError');
  return navigator.mediaDevices.getUserMedia({ audio: true, video });
}

/** Why a device can't be used, in words; `what` was wanted: sound, camera or screen. */
export function wordsOf(error, what) {
  if (error.name in ERRORS) return t(`device.${ERRORS[error.name]}.${what}`);
  return t(error.name === 'SecurityError' ? 'device.insecure' : 'device.failed');
}

/** What of it is switched on in a call. */
export class Media {
  sound = null;
  picture = null;
  isScreen = false;

  /** Switches the microphone on, and the camera where asked. Rejects with the browser's error. */
  async open(withPicture) {
    const stream = await openDevices({ video: withPicture && CAMERA });
    [this.sound] = stream.getAudioTracks();
    this.picture = stream.getVideoTracks()[0] ?? null;
  }

  /** Shows the camera, the screen or nothing from now on; `ended` is called if the browser ends that. */
  async show(what, ended) {
    const isScreen = what === 'screen', { mediaDevices } = navigator;
    const stream = what && await (isScreen ? mediaDevices.getDisplayMedia({ video: true }) : mediaDevices.getUserMedia({ video: CAMERA }));
    this.picture?.stop();
    this.isScreen = isScreen;
    this.picture = stream?.getVideoTracks()[0] ?? null;
    this.picture?.addEventListener('ended', ended);
  }

  /** What the other one is told of it. */
  get told() { return { sound: Boolean(this.sound?.enabled), picture: Boolean(this.picture), screen: this.isScreen }; }

  /** Switches everything off. */
  close() {
    this.sound?.stop();
    this.picture?.stop();
  }
}
