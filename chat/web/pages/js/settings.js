/**
 * `<chat-settings>`: one's profile, password, notifications, blocked users, and signing out.
 * @module
 */
import { api, session } from './api.js';
import { attempt, confirmed, el, icon, notice, Part } from './dom.js';
import { form } from './forms.js';
import { pageBar, pagedList } from './pages.js';
import { store } from './store.js';
import { t } from './texts.js';
import { userAvatar } from './users.js';

class ChatSettings extends Part {
  show() {
    this.profile = el('section');
    this.push = el('section', {}, el('h2', {}, t('notifications.title')));
    this.replaceChildren(pageBar(t('settings.title')), el('div.page', {}, this.profile, this.push, this.passwordSection(), this.blockSection(),
      el('section', {}, el('h2', {}, t('account.signOut')), el('p', {}, t('account.signOutText')), el('button', { type: 'button', onclick: signOut }, icon('out'), t('account.signOut')))));
    this.renderProfile(store.users.get(store.me.id));
    attempt(async () => this.renderProfile(await api.get('/api/users/me')));
    this.renderPush();
  }

  renderProfile({ email, ...user }) {
    store.users.put(user);
    store.me = { ...store.me, ...user };
    const file = el('input', { type: 'file', accept: 'image/png,image/jpeg,image/gif,image/webp', hidden: true, onchange: () => this.setAvatar(file.files[0]) });
    const fields = [{ name: 'displayName', label: t('account.displayName'), value: user.displayName, required: true, autocomplete: 'name', autocapitalize: 'words' },
      { name: 'email', type: 'email', label: t('account.email'), value: email, autocomplete: 'email' },
      { name: 'currentPassword', type: 'password', label: t('account.currentPassword'), hint: t('account.forEmail'), autocomplete: 'current-password' }];
    const save = async ({ displayName, email: address, currentPassword }) => {
      this.renderProfile(await api.patch('/api/users/me', { displayName, ...(address && address !== email && { email: address, currentPassword }) }));
      notice(t('settings.saved'));
    };
    this.profile.replaceChildren(el('h2', {}, t('settings.profile')),
      el('div.about', {}, userAvatar({ ...user, online: false }, 'large'), el('div', {}, el('p', {}, el('bdi', {}, `@${user.username}`)), el('div.buttons', {}, file,
        el('button', { type: 'button', onclick: () => file.click() }, t('settings.avatar')),
        user.avatarUrl && el('button', { type: 'button', onclick: () => attempt(async () => this.renderProfile(await api.delete('/api/users/me/avatar'))) }, t('action.remove'))))),
      form({ fields, submit: t('action.save'), action: save }));
  }

  setAvatar(file) {
    const data = new FormData();
    data.append('file', file);
    return attempt(async () => this.renderProfile(await api.put('/api/users/me/avatar', data)));
  }

  passwordSection() {
    return el('section', {}, el('h2', {}, t('account.newPassword')), form({
      fields: [{ name: 'currentPassword', type: 'password', label: t('account.currentPassword'), required: true, autocomplete: 'current-password' },
        { name: 'newPassword', type: 'password', label: t('account.newPassword'), required: true, autocomplete: 'new-password', hint: t('account.passwordHint') }],
      submit: t('account.setPassword'),
      action: async (values, element) => {
        await api.post('/api/auth/password', values);
        element.reset();
        notice(t('account.passwordSet'));
      },
    }));
  }

  blockSection() {
    const list = pagedList({ none: t('blocks.none'), rowOf: (user) => {
      const row = el('li', {}, el('div.person', {}, userAvatar(user), el('span.name', { dir: 'auto' }, user.displayName), el('small', {}, el('bdi', {}, `@${user.username}`))),
        el('button', { type: 'button', ariaLabel: `${t('blocks.unblock')}: ${user.displayName}`, onclick: () => attempt(async () => { await api.delete(`/api/users/${user.id}/block`); row.remove(); }) }, t('blocks.unblock')));
      return row;
    } });
    list.load('/api/users/me/blocks?limit=50');
    return el('section', {}, el('h2', {}, t('blocks.title')), el('p', {}, t('blocks.text')), list.element);
  }

  /** Notifications: whether this browser can show them, and is asked to. */
  async renderPush() {
    const { pushState, subscribePush, unsubscribePush } = await import('./push.js');
    const state = await pushState(), change = async (action) => { await attempt(action); this.renderPush(); };
    this.push.replaceChildren(el('h2', {}, t('notifications.title')), el('p', {}, t(`notifications.${state}`)), ...({
      off: [el('button', { type: 'button', onclick: () => change(() => subscribePush(api)) }, t('notifications.turnOn'))],
      on: [el('button', { type: 'button', onclick: () => change(() => unsubscribePush(api)) }, t('notifications.turnOff'))],
    }[state] ?? []));
  }
}

async function signOut() {
  if (!await confirmed(t('account.signOut'), t('account.signOutText'), t('account.signOut'))) return;
  const { unsubscribePush } = await import('./push.js').catch(() => ({}));
  await unsubscribePush?.(api).catch(() => {});
  await api.post('/api/auth/logout').catch(() => {});
  session.end();
}

customElements.define('chat-settings', ChatSettings);
