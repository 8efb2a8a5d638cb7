/**
 * `<room-details>`: what a room is, who is in it, and how one wants to be told of it.
 * @module
 */
import { api } from './api.js';
import { attempt, confirmed, el, icon, iconButton, notice, openDialog, Part, reconcile } from './dom.js';
import { form } from './forms.js';
import { membersOf } from './members.js';
import { blockItems, personRow } from './people.js';
import { store } from './store.js';
import { t } from './texts.js';
import { presenceOf, roomAvatar } from './users.js';

class RoomDetails extends Part {
  show(roomId) {
    this.roomId = roomId;
    this.top = el('div.about');
    this.settings = el('section');
    this.members = el('ul.people');
    this.foot = el('div.buttons.column');
    const close = () => this.dispatchEvent(new CustomEvent('details', { bubbles: true }));
    this.replaceChildren(el('header.bar', {}, el('div.titles', {}, el('h2', {}, t('room.details'))), iconButton('close', t('action.close'), close)),
      el('div.page', {}, this.top, this.settings, el('section', {}, el('h3', {}, t('room.membersTitle')), this.members), this.foot));
    this.listen(store, 'rooms users', () => this.schedule());
    this.listen(store, 'members', ({ detail }) => detail.roomId === roomId && this.loadMembers());
    this.listen(this, 'keydown', (event) => event.key === 'Escape' && !event.target.closest('.popover') && close());
    this.render();
    this.loadMembers();
    this.querySelector('button').focus();
  }

  get room() {
    return store.rooms.get(this.roomId);
  }

  get path() {
    return `/api/rooms/${this.roomId}`;
  }

  render() {
    const { room } = this;
    if (!room) return;
    const other = room.otherUser && store.users.get(room.otherUser.id), looks = JSON.stringify([{ ...room, lastMessage: null, unreadCount: 0, mentionCount: 0 }, other]);
    if (this.looks !== looks) {
      this.looks = looks;
      this.top.replaceChildren(roomAvatar(room, store.users, 'large'), el('p.name', { dir: 'auto' }, store.nameOf(room)),
        el('p', {}, other ? el('bdi', {}, `@${other.username}`) : t(`room.${room.kind}`), ' · ', other ? presenceOf(other) : t('room.members', { count: room.memberCount })));
      this.renderSettings(room);
      this.renderFoot(room);
    }
    this.renderMembers();
  }

  // -------------------------------------------------------------------- settings

  renderSettings(room) {
    const notify = el('select', { id: 'notify', onchange: () => this.set({ notify: notify.value }) },
      ...['all', 'mentions', 'none'].map((value) => el('option', { value, selected: room.notify === value }, t(`notify.${value}`))));
    const pin = el('input', { id: 'pinned', type: 'checkbox', checked: room.isPinned, onchange: () => this.set({ isPinned: pin.checked }) });
    const day = el('input', { id: 'day', type: 'date', max: new Date().toLocaleDateString('sv') });
    const jump = () => day.value && this.closest('chat-app').querySelector('chat-conversation')?.toDay(new Date(`${day.value}T00:00`));
    this.settings.replaceChildren(el('div.field', {}, el('label', { for: 'notify' }, t('notify.label')), notify),
      el('div.field.check', {}, pin, el('label', { for: 'pinned' }, t('room.pin'))),
      el('form.field', { onsubmit: (event) => { event.preventDefault(); jump(); } }, el('label', { for: 'day' }, t('room.toDay')),
        el('div.joined', {}, day, el('button', { type: 'submit' }, icon('calendar'), t('room.go')))));
  }

  async set(change) {
    await attempt(async () => store.putRoom((await api.patch(`${this.path}/settings`, change)).room));
    this.looks = null;
    this.schedule();
  }

  // -------------------------------------------------------------------- members

  async loadMembers() {
    await attempt(async () => { this.all = await membersOf(this.room); });
    this.schedule();
  }

  renderMembers() {
    const { room } = this, members = (this.all ?? []).filter(({ user }) => user.id !== store.me.id);
    this.members.parentElement.hidden = room.kind === 'direct';
    reconcile(this.members, members, { keyOf: ({ user }) => user.id, looksOf: (one) => JSON.stringify([one.role, store.users.get(one.user.id), room.role]),
      make: ({ user, role }) => personRow(store.users.get(user.id) ?? user, room.role === 'admin' && room.kind !== 'lobby' ? this.adminItems(user, role) : [], role === 'admin' && t('role.admin')) });
  }

  adminItems(user, role) {
    const path = `${this.path}/members/${user.id}`, other = role === 'admin' ? 'member' : 'admin';
    const act = (action) => attempt(async () => { await action(); store.changed('members', this.roomId); });
    return [
      { label: t(role === 'admin' ? 'role.demote' : 'role.promote'), icon: 'people', action: () => act(() => api.patch(path, { role: other })) },
      { label: t('room.removeMember'), icon: 'out', danger: true, action: async () => {
        if (await confirmed(t('room.removeMember'), t('room.removeMemberText', { name: user.displayName }), t('action.remove'))) act(() => api.delete(path));
      } },
    ];
  }

  // -------------------------------------------------------------------- what an admin may, and leaving

  renderFoot(room) {
    const button = (symbol, text, onclick, danger) => el('button', { type: 'button', onclick, class: danger ? 'danger-text' : '' }, icon(symbol), text);
    const search = button('search', t('search.inRoom'), () => { location.hash = `#/search/${room.id}`; });
    const [block] = room.otherUser ? blockItems(room.otherUser.id) : [], isAdmin = room.role === 'admin' && room.kind !== 'lobby';
    this.foot.replaceChildren(...[
      search,
      block && button('mute', block.label, block.action, true),
      isAdmin && button('link', t('room.invite'), () => this.invite()),
      isAdmin && button('edit', t('room.rename'), () => this.rename()),
      !block && room.kind !== 'lobby' && button('out', t('room.leave'), () => this.leave(), true),
      isAdmin && button('trash', t('room.delete'), () => this.remove(), true),
    ].filter(Boolean));
  }

  async invite() {
    await attempt(async () => {
      const link = el('input', { readOnly: true, id: 'invite-link', dir: 'ltr', onfocus: () => link.select() });
      const show = ({ inviteCode }) => { link.value = `${location.origin}/#/join/${inviteCode}`; };
      show(await api.get(`${this.path}/invite`));
      openDialog(t('room.invite'), el('div.field', {}, el('label', { for: 'invite-link' }, t('room.inviteText')), link), el('div.buttons', {},
        el('button', { type: 'button', onclick: () => attempt(async () => show(await api.post(`${this.path}/invite`))) }, t('room.inviteRenew')),
        el('button.primary', { type: 'button', onclick: () => attempt(async () => {
          if (navigator.clipboard) await navigator.clipboard.writeText(link.value);
          else { link.select(); document.execCommand('copy'); }
          notice(t('action.copied'));
        }) }, icon('copy'), t('action.copy'))));
    });
  }

  rename() {
    const dialog = openDialog(t('room.rename'), form({ fields: [{ name: 'name', label: t('rooms.name'), required: true, value: this.room.name, maxLength: 120 }], submit: t('action.save'),
      action: async (values) => { store.putRoom((await api.patch(this.path, values)).room); dialog.close(); } }));
  }

  async leave() {
    if (await confirmed(t('room.leave'), t('room.leaveText'), t('room.leave'))) this.gone(() => api.delete(`${this.path}/members/${store.me.id}`));
  }

  async remove() {
    if (await confirmed(t('room.delete'), t('room.deleteText'), t('room.delete'))) this.gone(() => api.delete(this.path));
  }

  gone(action) {
    return attempt(async () => {
      await action();
      store.removeRoom(this.roomId);
      location.hash = '#/';
    });
  }
}

customElements.define('room-details', RoomDetails);
