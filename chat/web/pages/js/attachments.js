/**
 * Files in messages: pictures in place, voice notes with their wave, the rest by name.
 * @module
 */
import { el, icon } from './dom.js';
import { formatSize, t } from './texts.js';

const LARGEST = 320;  // pixels of a picture in its place, either way

/** The element with a message's files, or null. */
export function attachmentsOf(message, conversation) {
  const { attachments } = message;
  if (!attachments?.length) return null;
  const pictures = attachments.filter(({ kind }) => kind === 'image');
  const expired = () => conversation.refresh(message);
  return el('div.attachments', {},
    pictures.length > 0 && el('div.pictures', { class: pictures.length > 1 ? 'many' : '' },
      ...pictures.map((one, place) => picture(one, pictures.length, () => showPictures(pictures, place), expired))),
    ...attachments.filter(({ kind }) => kind === 'voice').map((one) => voiceNote(one, expired)),
    ...attachments.filter(({ kind }) => kind === 'file').map(fileLink));
}

function picture({ url, thumbnailUrl, filename, width, height }, count, onclick, expired) {
  const image = el('img', { src: thumbnailUrl ?? url, alt: '', loading: 'lazy', decoding: 'async', onerror: expired });
  if (count === 1 && width && height) {  // its place is kept, so that nothing moves when it has come
    const scale = Math.min(1, LARGEST / width, LARGEST / height);
    image.width = Math.max(48, Math.round(width * scale));
    image.height = Math.max(48, Math.round(height * scale));
    image.style.aspectRatio = `${width} / ${height}`;
  }
  return el('button.picture', { type: 'button', onclick, ariaLabel: t('picture.open', { name: filename }) }, image);
}

async function showPictures(pictures, place) {
  await import('./viewer.js');
  const shown = pictures.map(({ url, filename, width, height }) => ({ src: url, name: filename, width, height }));
  document.querySelector('picture-viewer').show(shown, place);
}

function voiceNote({ url, durationMs }, expired) {
  const place = el('div.voice', {}, icon('mic'));
  place.addEventListener('unplayable', expired);
  import('./recordings.js').then(() => place.replaceChildren(el('voice-note', { src: url, duration: (durationMs ?? 0) / 1000 })));
  return place;
}

function fileLink({ url, filename, size }) {
  const about = el('span', {}, el('bdi', {}, filename), el('small', {}, formatSize(size)));
  return el('a.file', { href: url, download: filename }, icon('file'), about);
}
