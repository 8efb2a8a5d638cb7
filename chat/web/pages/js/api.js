/**
 * The server's REST interface: requests with this sign-in's token, which is renewed when it ends.
 * @module
 */
import { kept } from './storage.js';
import { t, translated } from './texts.js';

const KEY = 'chat.session';
const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'];
const PASSING = ['rate_limited', 'unavailable', 'internal_error'];
const SPARE = 60;  // seconds before its end from which on a token is renewed

/** What the server refused, or why it could not be asked (status 0). `message` says what to do, `fields` what of which field. */
export class ApiError extends Error {
  constructor(status, { code, message, errors, retryAfter } = {}) {
    super(translated(message ?? t('error.unknown', { status }), code));
    const fields = errors && Object.fromEntries(Object.entries(errors).map(([name, said]) => [name, said.map((one) => translated(one))]));
    Object.assign(this, { status, code, fields, retryAfter });
  }

  /** Whether trying again later may help. */
  get isPassing() { return this.status === 0 || PASSING.includes(this.code); }
}

/** Who is signed in here. Fires `began` and `ended`; other tabs of the browser share it. */
class Session extends EventTarget {
  constructor() {
    super();
    addEventListener('storage', ({ key, oldValue, newValue }) => {
      if (key !== KEY || userIn(oldValue) === userIn(newValue)) return;
      this.dispatchEvent(new Event(oldValue ? 'ended' : 'began'));  // who signs in elsewhere as somebody else has ended it here
    });
  }

  /** `{ token, refreshToken, user }`, or null. */
  get current() { return JSON.parse(kept.getItem(KEY) ?? 'null'); }

  begin(answer) {
    kept.setItem(KEY, JSON.stringify(answer));
    this.dispatchEvent(new Event('began'));
  }

  end() {
    if (!this.current) return;
    kept.removeItem(KEY);
    this.dispatchEvent(new Event('ended'));
  }

  /** A token that is good for at least a minute. Throws an ApiError, and the session ends if it can't be renewed. */
  async token() {
    const { token } = this.current ?? {};
    if (!token) throw new ApiError(401, { code: 'unauthorized', message: t('error.signedOut') });
    const { exp } = JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
    return exp - Date.now() / 1000 > SPARE ? token : this.renew(token);
  }

  /** A newer token than `stale`. A refresh token works once, so only one tab at a time may use it. */
  renew(stale) {
    const work = () => this.#renewed(stale);
    this.renewing ??= (navigator.locks ? navigator.locks.request(KEY, work) : work()).finally(() => { this.renewing = null; });
    return this.renewing;
  }

  async #renewed(stale) {
    const held = this.current;
    if (held && held.token !== stale) return held.token;
    try {
      const fresh = await send('POST', '/api/auth/refresh', { refreshToken: held?.refreshToken });
      kept.setItem(KEY, JSON.stringify({ ...held, ...fresh }));
      return fresh.token;
    } catch (error) {
      if (error.status === 401 || error.status === 422) this.end();
      throw error;
    }
  }
}

function userIn(value) { return JSON.parse(value ?? 'null')?.user.id; }

export const session = new Session();

async function send(method, path, body, token) {
  const isJson = body && !(body instanceof FormData);
  const headers = { ...(isJson && { 'Content-Type': 'application/json' }), ...(token && { Authorization: `Bearer ${token}` }) };
  let response;
  try {
    response = await fetch(path, { method, headers, body: isJson ? JSON.stringify(body) : body });
  } catch { throw new ApiError(0, { code: 'offline', message: t('error.offline') }); }
  const answer = response.status === 204 ? null : await response.json().catch(() => ({}));
  if (!response.ok) throw new ApiError(response.status, answer);
  return Object.defineProperty(answer ?? {}, 'next', { value: /<([^>]+)>; rel="next"/.exec(response.headers.get('Link'))?.[1] });
}

async function request(method, path, body) {
  const token = await session.token();
  try {
    return await send(method, path, body, token);
  } catch (error) {
    if (error.status !== 401 || error.code !== 'unauthorized' || body?.password || body?.currentPassword) throw error;
    return send(method, path, body, await session.renew(token));
  }
}

/** Uploads a file with its progress (0 to 1): `{ done, abort }`, of which `done` resolves to an Attachment. */
function upload(file, { kind, durationMs, onprogress } = {}) {
  const call = new XMLHttpRequest(), data = new FormData();
  if (kind) data.append('kind', kind);
  if (durationMs) data.append('durationMs', String(Math.round(durationMs)));
  data.append('file', file, file.name ?? 'voice.webm');
  const done = session.token().then((token) => new Promise((resolve, reject) => {
    call.open('POST', '/api/uploads');
    call.setRequestHeader('Authorization', `Bearer ${token}`);
    call.responseType = 'json';
    call.upload.onprogress = (event) => event.lengthComputable && onprogress?.(event.loaded / event.total);
    call.onload = () => (call.status === 201 ? resolve(call.response) : reject(new ApiError(call.status, call.response ?? {})));
    call.onerror = () => reject(new ApiError(0, { code: 'offline', message: t('error.offline') }));
    call.onabort = () => reject(new ApiError(0, { code: 'aborted', message: '' }));
    call.send(data);
  }));
  return { done, abort: () => call.abort() };
}

/** Requests by method, each resolving to the parsed answer (a list has the address of its next page in `next`) or throwing an ApiError. */
export const api = {
  ...Object.fromEntries(METHODS.map((method) => [method.toLowerCase(), (path, body) => request(method, path, body)])),
  /** Without a token: sign-in and its kin. */
  open: (path, body) => send('POST', path, body),
  upload,
};
