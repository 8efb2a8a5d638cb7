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
 * Records as soon as it is in the document, until it is sent or discarded. Fires `recorded` with `{blob, duration, waveform}`
 * (seconds; levels from 0 to 1), or `cancelled`.
 */
class VoiceRecorder extends HTMLElement {
  #recorder = null;
  #audio = null;
  #levels = [];
  #timer = null;
  #began = 0;

  async connectedCallback() {
    const cancel = () => this.#end('cancelled');
    this.send = iconButton('send', t('recording.send'), () => this.#finish(), { class: 'recorder-send', disabled: true });
    this.time = el('time', {}, formatDuration(0));
    this.wave = wave();
    this.problem = el('p', { role: 'alert' });
    this.replaceChildren(iconButton('trash', t('recording.cancel'), cancel, { class: 'recorder-cancel' }),
      el('span.recorder-dot', { role: 'img', ariaLabel: t('recording.running') }), this.time, this.wave, this.problem, this.send);
    this.onkeydown = ({ key }) => key === 'Escape' && cancel();
    this.firstChild.focus();
    try {
      const stream = await openDevices();
      if (this.isConnected) this.#record(stream);
      else stop(stream);
    } catch (error) {
      this.problem.textContent = wordsOf(error, 'sound');
      this.send.hidden = true;
    }
  }

  disconnectedCallback() { this.#release(); }

  #record(stream) {
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    this.#recorder = new MediaRecorder(stream, { mimeType, audioBitsPerSecond: BITS_PER_SECOND });
    this.#recorder.start();
    this.#began = performance.now();
    this.#audio = new AudioContext();
    const analyser = new AnalyserNode(this.#audio, { fftSize: 1024 }), samples = new Float32Array(analyser.fftSize);
    this.#audio.createMediaStreamSource(stream).connect(analyser);
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      this.#levels.push(Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length));
      this.#tick();
    }, STEP);
    this.send.disabled = false;
    this.send.focus();
  }

  #tick() {
    const seconds = (performance.now() - this.#began) / 1000, last = this.#levels.slice(-BARS);
    draw(this.wave, [...Array(BARS - last.length).fill(0), ...last.map((level) => Math.min(1, level * 5))]);
    this.time.textContent = formatDuration(seconds);
    if (seconds >= LONGEST) this.#finish();
  }

  #finish() {
    const duration = (performance.now() - this.#began) / 1000, waveform = summary(this.#levels);
    this.#recorder.ondataavailable = ({ data }) => this.#end('recorded', { blob: data, duration, waveform });
    this.#recorder.stop();
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
}

/**
 * Plays what its `src` names; `duration` is in seconds, `waveform` has levels from 0 to 1 and is made from the file where
 * it is not given. Only one plays at a time. Fires `unplayable`, after which a new one with another `src` may help.
 */
class VoiceNote extends HTMLElement {
  static #playing = null;
  static #seen = new IntersectionObserver((entries) => entries.forEach(({ isIntersecting, target }) => isIntersecting && target.#look()));
  #audio = new Audio();
  #duration = 0;
  src = '';
  waveform = null;

  get duration() { return this.#duration || (Number.isFinite(this.#audio.duration) ? this.#audio.duration : 0); }

  set duration(seconds) {
    this.#duration = seconds;
    this.#draw();
  }

  /** Plays, or pauses. */
  async toggle() {
    if (!this.#audio.paused) return this.#audio.pause();
    VoiceNote.#playing?.pause();
    VoiceNote.#playing = this.#audio;
    this.#load();
    return this.#audio.play().catch((error) => {
      if (error.name === 'AbortError') return;
      this.problem.textContent = t('recording.unplayable');
      this.dispatchEvent(new CustomEvent('unplayable', { bubbles: true }));
    });
  }

  /** Goes to a place, in seconds. */
  seek(seconds) {
    this.#load();
    this.#audio.currentTime = Math.max(0, Math.min(this.duration - 0.05, seconds));
    this.#draw();
  }

  connectedCallback() {
    if (!this.firstChild) this.#build();
    VoiceNote.#seen.observe(this);
    this.#draw();
  }

  disconnectedCallback() {
    VoiceNote.#seen.unobserve(this);
    this.#audio.pause();
  }

  #load() { if (!this.#audio.getAttribute('src')) this.#audio.src = this.src; }

  /** Draws the wave once it is to be seen. */
  async #look() {
    VoiceNote.#seen.unobserve(this);
    if (this.waveform || !this.src || this.duration > DECODED) return;
    this.waveform = [];
    try {
      const bytes = await (await fetch(this.src)).arrayBuffer();
      const sound = await new OfflineAudioContext(1, 1, DECODER_RATE).decodeAudioData(bytes);
      this.#duration ||= sound.duration;
      this.waveform = summary(sound.getChannelData(0).map(Math.abs));
      this.#draw();
    } catch { /* it stays a line, and can be played all the same */ }
  }

  #build() {
    this.play = iconButton('play', t('recording.play'), () => this.toggle(), { class: 'note-play' });
    this.slider = el('div', { role: 'slider', tabIndex: 0, ariaLabel: t('recording.position'), 'aria-valuemin': 0 }, wave('note-whole'), wave('note-played'));
    this.time = el('time');
    this.rate = el('button.note-rate', { type: 'button', onclick: () => this.#faster() });
    this.problem = el('p', { role: 'alert' });
    this.append(this.play, this.slider, this.time, this.rate, this.problem);
    const seek = ({ clientX, pointerId, type }) => {
      if (type === 'pointerdown') this.slider.setPointerCapture(pointerId);
      const { left, width } = this.slider.getBoundingClientRect();
      if (this.slider.hasPointerCapture(pointerId)) this.seek(((clientX - left) / width) * this.duration);
    };
    Object.assign(this.slider, { onpointerdown: seek, onpointermove: seek, onkeydown: (event) => this.#key(event) });
    this.#audio.addEventListener('ended', () => { this.#audio.currentTime = 0; });
    for (const name of ['play', 'pause', 'timeupdate', 'durationchange', 'seeked']) this.#audio.addEventListener(name, () => this.#draw());
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
    if (!this.firstChild) return;
    const { paused, currentTime, playbackRate } = this.#audio, { play, slider, duration } = this, label = paused ? t('recording.play') : t('recording.pause');
    if (play.title !== label) {
      play.replaceChildren(icon(paused ? 'play' : 'pause'));
      play.title = play.ariaLabel = label;
    }
    for (const each of slider.children) draw(each, this.waveform?.length ? this.waveform : Array(BARS).fill(0));
    slider.lastChild.style.clipPath = `inset(0 ${100 - (duration ? currentTime / duration : 0) * 100}% 0 0)`;
    Object.assign(slider, { ariaValueMax: Math.round(duration), ariaValueNow: Math.round(currentTime), ariaValueText: `${formatDuration(currentTime)} / ${formatDuration(duration)}` });
    this.time.textContent = formatDuration(paused && !currentTime ? duration : currentTime);
    this.rate.textContent = `${playbackRate}×`;
    this.rate.ariaLabel = t('recording.speed', { speed: playbackRate });
  }
}

function stop(stream) { stream?.getTracks().forEach((track) => track.stop()); }

/** So many averages of the levels as there are bars, with the loudest at 1. */
function summary(levels) {
  const means = Array.from({ length: BARS }, (_, bar) => {
    const part = levels.slice(Math.floor((bar * levels.length) / BARS), Math.floor(((bar + 1) * levels.length) / BARS));
    return part.reduce((sum, level) => sum + level, 0) / Math.max(1, part.length);
  });
  const loudest = Math.max(...means, 0.001);
  return means.map((mean) => Math.round((mean / loudest) * 100) / 100);
}

/** An empty wave: upright lines in a field of BARS × 4 by 32. */
function wave(kind = '') {
  const svg = icon('play');
  for (const [key, value] of Object.entries({ class: `wave ${kind}`, viewBox: `0 0 ${BARS * 4} 32`, preserveAspectRatio: 'none' })) svg.setAttribute(key, value);
  draw(svg, Array(BARS).fill(0));
  return svg;
}

function draw(svg, levels) {
  const width = (BARS * 4) / levels.length;
  svg.firstChild.setAttribute('d', levels.map((level, bar) => `M${(bar + 0.5) * width} ${16 - level * 13}v${Math.max(0.01, level * 26)}`).join(''));
}

customElements.define('voice-recorder', VoiceRecorder);
customElements.define('voice-note', VoiceNote);
