/**
 * What is heard of a call before it is answered. Browsers keep a page silent that nobody has touched yet.
 * @module
 */

// Frequencies in Hz, seconds of sound, seconds between: the ringing of a bell, and what a caller hears of it.
const TONES = { incoming: [[587, 784], 0.9, 2], calling: [[425], 1, 4] };
const VOLUME = 0.08;

/** Begins to ring, as `incoming` or `calling`; returns what ends it. */
export function ring(kind) {
  const audio = new AudioContext(), [frequencies, length, pause] = TONES[kind];
  const sound = () => {
    frequencies.forEach((frequency, place) => play(audio, frequency, audio.currentTime + place * 0.3, length));
    if (kind === 'incoming' && navigator.userActivation?.hasBeenActive) navigator.vibrate?.([300, 200, 300]);
  };
  sound();
  const timer = setInterval(sound, (length + pause) * 1000);
  return () => { clearInterval(timer); audio.close(); };
}

function play(audio, frequency, start, length) {
  const tone = new OscillatorNode(audio, { frequency }), volume = new GainNode(audio, { gain: 0 });
  volume.gain.setTargetAtTime(VOLUME, start, 0.02);
  volume.gain.setTargetAtTime(0, start + length - 0.2, 0.06);
  tone.connect(volume).connect(audio.destination);
  tone.start(start);
  tone.stop(start + length);
}
