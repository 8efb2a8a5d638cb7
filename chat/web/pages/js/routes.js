/**
 * The addresses of the page, behind its `#`.
 * @module
 */
const ROUTES = [
  [/^\/?$/, () => ({ page: 'inbox' })],
  [/^\/rooms\/(\d+)$/, ([roomId]) => ({ page: 'conversation', roomId: Number(roomId) })],
  [/^\/rooms\/(\d+)\/at\/(\d+)$/, ([roomId, messageId]) => ({ page: 'conversation', roomId: Number(roomId), messageId: Number(messageId) })],
  [/^\/with\/(\d+)$/, ([userId]) => ({ page: 'conversation', userId: Number(userId) })],
  [/^\/people$/, () => ({ page: 'people' })],
  [/^\/rooms$/, () => ({ page: 'rooms' })],
  [/^\/join\/([^/]+)$/, ([code]) => ({ page: 'rooms', code })],
  [/^\/search(?:\/(\d+))?$/, ([roomId]) => ({ page: 'search', roomId: Number(roomId) || null })],
  [/^\/settings$/, () => ({ page: 'settings' })],
  [/^\/sign-in$/, () => ({ page: 'signIn', isOpen: true })],
  [/^\/sign-up$/, () => ({ page: 'signUp', isOpen: true })],
  [/^\/invite\/([^/]+)$/, ([code]) => ({ page: 'signUp', isOpen: true, code })],
  [/^\/forgot$/, () => ({ page: 'forgot', isOpen: true })],
  [/^\/reset\/([^/]+)$/, ([token]) => ({ page: 'reset', isOpen: true, token })],
];

/** The page that an address names, with what it is about; `isOpen` are those for people who are not signed in. */
export function route(hash = location.hash) {
  const path = hash.replace(/^#/, '');
  for (const [pattern, make] of ROUTES) {
    const match = pattern.exec(path);
    if (match) return make(match.slice(1).map((part) => part && decoded(part)));
  }
  return { page: 'inbox' };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;  // an address that was cut off, perhaps
  }
}
