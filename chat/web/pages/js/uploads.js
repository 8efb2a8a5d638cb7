/**
 * Files on their way into a message: uploaded one after the other as they are added, with their progress, removable until they are sent.
 * @module
 */
import { api } from './api.js';
import { button, el, icon, iconButton, notice } from './dom.js';
import { formatSize, t } from './texts.js';

const MOST = 10;  // files in one message

export class Tray {
  #files = [];  // { file, options, element, attachment, upload, isFailed }
  #last = Promise.resolve();

  /** `changed` is called whenever what it holds changes. */
  constructor(changed) {
    this.changed = changed;
    this.element = el('ul.tray', { ariaLabel: t('uploads.label'), hidden: true });
  }

  get count() { return this.#files.length; }

  get isBusy() { return this.#files.some(({ attachment, isFailed }) => !attachment && !isFailed); }

  get hasFailed() { return this.#files.some(({ isFailed }) => isFailed); }

  /** Adds files, and resolves once they are uploaded or have failed. */
  add(files, options = {}) {
    const added = [...files].slice(0, MOST - this.#files.length).map((file) => this.#show({ file, options }));
    if (added.length < files.length) notice(t('uploads.tooMany', { count: MOST }), 'error');
    this.#update();
    return Promise.all(added.map((entry) => this.#upload(entry)));
  }

  /** The Attachments, and it is empty. */
  take() {
    const attachments = this.#files.map(({ attachment }) => attachment);
    this.#files.forEach(({ element }) => element.remove());
    this.#files = [];
    this.#update();
    return attachments;
  }

  /** Ends what is on its way. */
  abort() { this.#files.forEach(({ upload }) => upload?.abort()); }

  #show(entry) {
    const { file } = entry, isPicture = /^image\/(png|jpeg|gif|webp)$/.test(file.type);
    const preview = isPicture && el('img', { src: URL.createObjectURL(file), alt: '', onload: () => URL.revokeObjectURL(preview.src) });
    entry.bar = el('progress', { max: 1, value: 0, ariaLabel: t('uploads.progress', { name: file.name }) });
    entry.state = el('small', {}, formatSize(file.size));
    entry.again = button(t('action.tryAgain'), () => this.#upload(entry), { class: 'link', hidden: true });
    entry.element = el('li', {}, preview || icon(entry.options.kind === 'voice' ? 'mic' : 'file'),
      el('div', {}, el('bdi', {}, file.name), entry.state, entry.bar, entry.again),
      iconButton('close', t('uploads.remove', { name: file.name }), () => this.#remove(entry)));
    this.#files.push(entry);
    this.element.append(entry.element);
    return entry;
  }

  #upload(entry) {
    entry.isFailed = false;
    entry.again.hidden = true;
    Object.assign(entry.bar, { hidden: false, value: 0 });
    Object.assign(entry.state, { className: '', textContent: formatSize(entry.file.size) });
    this.#update();
    this.#last = this.#last.then(() => this.#files.includes(entry) && this.#transfer(entry));
    return this.#last;
  }

  async #transfer(entry) {
    entry.upload = api.upload(entry.file, { ...entry.options, onprogress: (part) => { entry.bar.value = part; } });
    try {
      entry.attachment = await entry.upload.done;
    } catch (error) {
      entry.isFailed = true;
      Object.assign(entry.state, { className: 'problem', textContent: error.message });
      entry.again.hidden = !error.isPassing;
    }
    entry.bar.hidden = true;
    this.#update();
  }

  #remove(entry) {
    entry.upload?.abort();
    this.#files = this.#files.filter((one) => one !== entry);
    entry.element.remove();
    this.#update();
  }

  #update() {
    this.element.hidden = !this.#files.length;
    this.changed();
  }
}
