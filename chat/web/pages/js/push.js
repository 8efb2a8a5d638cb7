/**
 * Being told while the page is closed: the browser's Web Push, and the server's list of where to.
 * @module
 */

/** 'unsupported', 'denied' (by the person, to this page), 'off' or 'on'. */
export async function pushState() {
  if (!('serviceWorker' in navigator && 'PushManager' in window)) return 'unsupported';
  if (Notification.permission === 'denied') return 'denied';
  const subscription = await (await navigator.serviceWorker.getRegistration())?.pushManager.getSubscription();
  return subscription && Notification.permission === 'granted' ? 'on' : 'off';
}

/**
 * Asks the person, then the browser, and tells the server; to be called by a click. Resolves to the state; called again, as
 * after each sign-in, it tells the server anew. Rejects with what the browser or the API says.
 */
export async function subscribePush(api) {
  if (await pushState() === 'unsupported' || await Notification.requestPermission() !== 'granted') return pushState();
  const { pushManager } = await navigator.serviceWorker.ready, { publicKey } = await api.get('/api/push/key');
  let subscription = await pushManager.getSubscription();
  // A server that has lost its key has made a new one.
  const key = subscription?.options.applicationServerKey;
  if (subscription && String(new Uint8Array(key)) !== String(bytesOf(publicKey))) {
    await subscription.unsubscribe();
    subscription = null;
  }
  subscription ??= await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: bytesOf(publicKey) });
  await api.put('/api/push/subscriptions', subscription.toJSON());
  return 'on';
}

/** Ends it on this device. */
export async function unsubscribePush(api) {
  const subscription = await (await navigator.serviceWorker?.getRegistration())?.pushManager.getSubscription();
  if (!subscription) return;
  await subscription.unsubscribe();
  await api.delete('/api/push/subscriptions', subscription.toJSON());
}

/** Keeps this version of the page for times without a line, once it is drawn, and goes where a notification was clicked. */
export async function registerWorker() {
  const { serviceWorker } = navigator;  // only with https, or on this machine
  serviceWorker?.addEventListener('message', ({ data }) => { if (data.route) location.hash = data.route; });
  if (document.readyState !== 'complete') await new Promise((resolve) => { addEventListener('load', resolve, { once: true }); });
  const registration = await serviceWorker?.register('/sw.js').catch(() => null);
  document.addEventListener('visibilitychange', () => { if (!document.hidden) clear(registration); });
  await clear(registration);
}

// Who looks at the page need not be told any more.
async function clear(registration) {
  navigator.clearAppBadge?.().catch(() => {});
  (await registration?.getNotifications())?.forEach((notification) => notification.close());
}

function bytesOf(base64url) {
  const text = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
