/**
 * Voice messages: `<voice-recorder>` makes them, `<voice-note>` plays them.
 * @module
 */

import { openDevices, wordsOf } from './devices.js';
import { el, icon, iconButton } from './elements.js';
import { formatDuration, t } from './texts.js';

const TYPES = ['audio/webm;codecs=opus', 'audio/mp4', 'audio/ogg;codecs=opus'];
const BITS_PER_SECOND = 32_000;
const LONGEST = 15 * 60;        // seconds of a recording
const DECODED = 10 * 60;        // seconds: of longer ones no wave is drawn, which would take much memory
const BARS = 44;
const STEP = 50;                // ms between two looks at the level
const RATES = [1, 1.5, 2];
const DECODER_RATE = 8000;      // Hz are enough to see where somebody speaks

/**
 * Records as soon as it is in the document, until it is sent or discarded. Fires `recorded` with `{blob, duration, waveform}` (seconds;
 * levels from 0 to 1), or `cancelled`.
 */
class VoiceRecorder extends HTMLElement {
  #recorder = null;
  #audio = null;
  #levels = [];
  #timer = null;
  #began = 0;

  async connectedCallback() {
    this.#draw();
    try {
      const stream = await openDevices();
      if (!this.isConnected) return stop(stream);
      this.#record(stream);
    } catch (error) {
      this.#notice.textContent = wordsOf(error, 'sound');
      this.#send.hidden = true;
    }
  }

  #record(stream) {
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    this.#recorder = new MediaRecorder(stream, { mimeType, audioBitsPerSecond: BITS_PER_SECOND });
    this.#recorder.start();
    this.#levels = [];
    this.#began = performance.now();
    this.#audio = new AudioContext();
    const analyser = new AnalyserNode(this.#audio, { fftSize: 1024 });
    this.#audio.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      this.#levels.push(loudness(samples));
      this.#tick();
    }, STEP);
    this.#send.disabled = false;
    this.#send.focus();
  }

  get #seconds() {
    return (performance.now() - this.#began) / 1000;
  }

  #tick() {
    const last = this.#levels.slice(-BARS);
    this.querySelector('.wave path').setAttribute('d', bars([...Array(BARS - last.length).fill(0), ...last.map((level) => Math.min(1, level * 5))]));
    this.querySelector('time').textContent = formatDuration(this.#seconds);
    if (this.#seconds >= LONGEST) this.#finish();
  }

  #finish() {
    const recorder = this.#recorder, duration = this.#seconds, waveform = evened(summed(this.#levels, BARS));
    recorder.ondataavailable = ({ data }) => this.#end('recorded', { blob: data, duration, waveform });
    recorder.stop();
    this.#release();
  }

  #end(name, detail) {
    this.#release();
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
  }

  #release() {
    clearInterval(this.#timer);
    stop(this.#recorder?.stream);
    this.#audio?.close();
    this.#recorder = this.#audio = null;
  }

  #draw() {
    this.replaceChildren(
      iconButton('trash', t('recording.cancel'), () => this.#end('cancelled'), { class: 'recorder-cancel' }),
      el('span.recorder-dot', { role: 'img', ariaLabel: t('recording.running') }), el('time', {}, formatDuration(0)),
      wave(), el('p', { role: 'alert' }),
      iconButton('send', t('recording.send'), () => this.#finish(), { class: 'recorder-send', disabled: true }),
    );
    this.onkeydown = ({ key }) => { if (key === 'Escape') this.#end('cancelled'); };
    this.querySelector('.recorder-cancel').focus();
  }

  get #notice() {
    return this.querySelector('[role=alert]');
  }

  get #send() {
    return this.querySelector('.recorder-send');
  }

  disconnectedCallback() {
    this.#release();
  }
}

/**
 * Plays what its `src` names; `duration` is in seconds, `waveform` has levels from 0 to 1 and is made from the file where
 * it is not given. Only one plays at a time. Fires `unplayable`, after which a new `src` may help.
 */
class VoiceNote extends HTMLElement {
  static #playing = null;
  static #seen = new IntersectionObserver((entries) => {
    entries.filter(({ isIntersecting }) => isIntersecting).forEach(({ target }) => target.#look());
  });
  #audio = new Audio();
  #duration = null;
  #waveform = null;
  #src = '';
  #parts = null;

  set src(src) {
    this.#src = src;
    this.#audio.removeAttribute('src');
    this.#draw();
  }

  get src() { return this.#src; }

  set duration(seconds) {
    this.#duration = seconds;
    this.#draw();
  }

  get duration() { return this.#duration || (Number.isFinite(this.#audio.duration) ? this.#audio.duration : 0); }

  set waveform(levels) {
    this.#waveform = levels;
    this.#draw();
  }

  get waveform() { return this.#waveform; }

  /** Plays, or pauses. */
  async toggle() {
    if (!this.#audio.paused) return this.#audio.pause();
    VoiceNote.#playing?.pause();
    VoiceNote.#playing = this.#audio;
    this.#load();
    return this.#audio.play().catch((error) => { if (error.name !== 'AbortError') this.#fail(); });
  }

  /** Goes to a place, in seconds. */
  seek(seconds) {
    this.#load();
    this.#audio.currentTime = Math.max(0, Math.min(this.duration - 0.05, seconds));
    this.#draw();
  }

  connectedCallback() {
    if (!this.#parts) this.#build();
    VoiceNote.#seen.observe(this);
    this.#draw();
  }

  disconnectedCallback() {
    VoiceNote.#seen.unobserve(this);
    this.#audio.pause();
  }

  #load() {
    if (!this.#audio.getAttribute('src')) this.#audio.src = this.#src;
  }

  #fail() {
    this.#parts.notice.textContent = t('recording.unplayable');
    this.dispatchEvent(new CustomEvent('unplayable', { bubbles: true }));
  }

  /** Draws the wave once it is to be seen. */
  async #look() {
    VoiceNote.#seen.unobserve(this);
    if (this.#waveform || !this.#src || this.duration > DECODED) return;
    this.#waveform = [];
    try {
      const bytes = await (await fetch(this.#src)).arrayBuffer();
      const sound = await new OfflineAudioContext(1, 1, DECODER_RATE).decodeAudioData(bytes);
      this.#duration ||= sound.duration;
      this.waveform = evened(summed(sound.getChannelData(0).map(Math.abs), BARS));
    } catch { /* it stays a line, and can be played all the same */ }
  }

  #build() {
    this.#parts = {
      play: iconButton('play', t('recording.play'), () => this.toggle(), { class: 'note-play' }),
      slider: el('div', { role: 'slider', tabIndex: 0, ariaLabel: t('recording.position'), 'aria-valuemin': 0 }, wave(), wave('note-played')),
      time: el('time'),
      rate: el('button.note-rate', { type: 'button', onclick: () => this.#faster() }),
      notice: el('p', { role: 'alert' }),
    };
    this.append(...Object.values(this.#parts));
    const { slider } = this.#parts;
    const seek = ({ clientX }) => {
      const { left, width } = slider.getBoundingClientRect();
      this.seek(((clientX - left) / width) * this.duration);
    };
    slider.onpointerdown = (event) => {
      slider.setPointerCapture(event.pointerId);
      seek(event);
    };
    slider.onpointermove = (event) => { if (slider.hasPointerCapture(event.pointerId)) seek(event); };
    slider.onkeydown = (event) => this.#key(event);
    for (const name of ['play', 'pause', 'timeupdate', 'ended', 'durationchange', 'seeked']) this.#audio.addEventListener(name, () => this.#draw());
    this.#audio.addEventListener('ended', () => { this.#audio.currentTime = 0; });
  }

  #key(event) {
    const now = this.#audio.currentTime, step = Math.max(1, Math.min(5, this.duration / 10));
    const places = { ArrowLeft: now - step, ArrowDown: now - step, ArrowRight: now + step, ArrowUp: now + step, Home: 0, End: this.duration };
    if (event.key === ' ') this.toggle();
    else if (event.key in places) this.seek(places[event.key]);
    else return;
    event.preventDefault();
  }

  #faster() {
    this.#audio.playbackRate = this.#audio.defaultPlaybackRate = RATES[(RATES.indexOf(this.#audio.playbackRate) + 1) % RATES.length];
    this.#draw();
  }

  #draw() {
    if (!this.#parts) return;
    const { play, slider, time, rate } = this.#parts, { paused, currentTime, playbackRate } = this.#audio, { duration } = this;
    const label = paused ? t('recording.play') : t('recording.pause');
    if (play.title !== label) {
      play.replaceChildren(icon(paused ? 'play' : 'pause'));
      play.title = label;
      play.setAttribute('aria-label', label);
    }
    const levels = this.#waveform?.length ? this.#waveform : Array(BARS).fill(0);
    slider.querySelectorAll('path').forEach((path) => path.setAttribute('d', bars(levels)));
    slider.lastChild.style.clipPath = `inset(0 ${100 - (duration ? currentTime / duration : 0) * 100}% 0 0)`;
    slider.setAttribute('aria-valuemax', Math.round(duration));
    slider.setAttribute('aria-valuenow', Math.round(currentTime));
    slider.setAttribute('aria-valuetext', `${formatDuration(currentTime)} / ${formatDuration(duration)}`);
    time.textContent = formatDuration(paused && !currentTime ? duration : currentTime);
    rate.textContent = `${playbackRate}×`;
    rate.setAttribute('aria-label', t('recording.speed', { speed: playbackRate }));
  }
}

// ---------------------------------------------------------------------- levels

function stop(stream) {
  stream?.getTracks().forEach((track) => track.stop());
}

function loudness(samples) {
  return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
}

/** So many averages of the values, in their order. */
function summed(values, count) {
  return Array.from({ length: count }, (_, number) => {
    const from = Math.floor((number * values.length) / count), to = Math.max(from + 1, Math.floor(((number + 1) * values.length) / count));
    let sum = 0;
    for (let place = from; place < to && place < values.length; place += 1) sum += values[place];
    return sum / (to - from);
  });
}

/** The levels with the loudest at 1. */
function evened(levels) {
  const loudest = Math.max(...levels, 0.001);
  return levels.map((level) => Math.round((level / loudest) * 100) / 100);
}

/** The path of upright lines, one for each level, in a field of BARS × 4 by 32. */
function bars(levels) {
  const width = (BARS * 4) / levels.length;
  return levels.map((level, number) => `M${(number + 0.5) * width} ${16 - level * 13}v${Math.max(0.01, level * 26)}`).join('');
}

function wave(kind = 'note-whole') {
  const svg = icon('play');
  svg.setAttribute('class', `wave ${kind}`);
  svg.setAttribute('viewBox', `0 0 ${BARS * 4} 32`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.firstChild.setAttribute('d', bars(Array(BARS).fill(0)));
  return svg;
}

customElements.define('voice-recorder', VoiceRecorder);
customElements.define('voice-note', VoiceNote);
