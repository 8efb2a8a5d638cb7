/**
 * `<chat-settings>`: one's profile, password, notifications, blocked users, and signing out.
 * @module
 */
import { api, session } from './api.js';
import { attempt, button, confirmed, el, notice, Part } from './dom.js';
import { form } from './forms.js';
import { listRow, pageBar, pagedList, section } from './pages.js';
import { store } from './store.js';
import { t } from './texts.js';
import { userAvatar } from './users.js';

const AVATAR = '/api/users/me/avatar', PICTURES = 'image/png,image/jpeg,image/gif,image/webp';

class ChatSettings extends Part {
  show() {
    this.profile = el('section');
    this.push = section(t('notifications.title'));
    this.replaceChildren(pageBar(t('settings.title')), el('div.page', {}, this.profile, this.push, passwordSection(), blockSection(),
      section(t('account.signOut'), el('p', {}, t('account.signOutText')), button(t('account.signOut'), signOut, { symbol: 'out' }))));
    this.renderProfile(store.users.get(store.me.id));
    attempt(async () => this.renderProfile(await api.get('/api/users/me')));
    this.renderPush();
  }

  renderProfile({ email, ...user }) {
    store.users.put(user);
    store.me = { ...store.me, ...user };
    const fields = [
      { name: 'displayName', label: t('account.displayName'), value: user.displayName, required: true, autocomplete: 'name', autocapitalize: 'words' },
      { name: 'email', type: 'email', label: t('account.email'), value: email, autocomplete: 'email' },
      { name: 'currentPassword', type: 'password', label: t('account.currentPassword'), hint: t('account.forEmail'), autocomplete: 'current-password' }];
    const save = async ({ displayName, email: address, currentPassword }) => {
      const isOther = address && address !== email;
      this.renderProfile(await api.patch('/api/users/me', { displayName, ...(isOther && { email: address, currentPassword }) }));
      notice(t('settings.saved'));
    };
    this.profile.replaceChildren(el('h2', {}, t('settings.profile')), this.avatarRow(user), form({ fields, submit: t('action.save'), action: save }));
  }

  avatarRow(user) {
    const change = (action) => attempt(async () => this.renderProfile(await action()));
    const file = el('input', { type: 'file', accept: PICTURES, hidden: true, onchange: () => {
      const data = new FormData();
      data.append('file', file.files[0]);
      change(() => api.put(AVATAR, data));
    } });
    return el('div.about', {}, userAvatar({ ...user, online: false }, 'large'), el('div', {}, el('p', {}, el('bdi', {}, `@${user.username}`)),
      el('div.buttons', {}, file, button(t('settings.avatar'), () => file.click()),
        user.avatarUrl && button(t('action.remove'), () => change(() => api.delete(AVATAR))))));
  }

  /** Notifications: whether this browser can show them, and is asked to. */
  async renderPush() {
    const { pushState, subscribePush, unsubscribePush } = await import('./push.js');
    const state = await pushState(), change = async (action) => { await attempt(action); this.renderPush(); };
    const choice = { off: ['notifications.turnOn', () => subscribePush(api)], on: ['notifications.turnOff', () => unsubscribePush(api)] }[state];
    this.push.replaceChildren(this.push.firstChild, el('p', {}, t(`notifications.${state}`)), choice ? button(t(choice[0]), () => change(choice[1])) : '');
  }
}

function passwordSection() {
  const fields = [
    { name: 'currentPassword', type: 'password', label: t('account.currentPassword'), required: true, autocomplete: 'current-password' },
    { name: 'newPassword', type: 'password', label: t('account.newPassword'), required: true, autocomplete: 'new-password', hint: t('account.passwordHint') }];
  const action = async (values, element) => {
    await api.post('/api/auth/password', values);
    element.reset();
    notice(t('account.passwordSet'));
  };
  return section(t('account.changePassword'), form({ fields, submit: t('account.setPassword'), action }));
}

function blockSection() {
  const rowOf = (user) => {
    const unblock = () => attempt(async () => { await api.delete(`/api/users/${user.id}/block`); row.remove(); });
    const row = listRow({ picture: userAvatar(user), name: user.displayName, under: [el('bdi', {}, `@${user.username}`)] },
      button(t('blocks.unblock'), unblock, { ariaLabel: `${t('blocks.unblock')}: ${user.displayName}` }));
    return row;
  };
  const list = pagedList({ none: t('blocks.none'), rowOf });
  list.load('/api/users/me/blocks?limit=50');
  return section(t('blocks.title'), el('p', {}, t('blocks.text')), list.element);
}

async function signOut() {
  if (!await confirmed(t('account.signOut'), t('account.signOutText'), t('account.signOut'))) return;
  const { unsubscribePush } = await import('./push.js').catch(() => ({}));
  await unsubscribePush?.(api).catch(() => {});
  await api.post('/api/auth/logout').catch(() => {});
  session.end();
}

customElements.define('chat-settings', ChatSettings);
