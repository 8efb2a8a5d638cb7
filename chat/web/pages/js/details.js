/**
 * `<room-details>`: what a room is, who is in it, and how one wants to be told of it.
 * @module
 */
import { api } from './api.js';
import { attempt, button, confirmed, el, iconButton, notice, openDialog, Part, reconcile } from './dom.js';
import { formDialog } from './forms.js';
import { membersOf } from './members.js';
import { blockItem, personRow } from './people.js';
import { store } from './store.js';
import { t } from './texts.js';
import { presenceOf, roomAvatar } from './users.js';

class RoomDetails extends Part {
  show(roomId) {
    Object.assign(this, { roomId, path: `/api/rooms/${roomId}`, top: el('div.about'), settings: el('section'), members: el('ul.people'),
      foot: el('div.buttons.column') });
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

  get room() { return store.rooms.get(this.roomId); }

  render() {
    const { room } = this;
    if (!room) return;
    const other = room.otherUser && store.users.get(room.otherUser.id);
    const looks = JSON.stringify([{ ...room, lastMessage: null, unreadCount: 0, mentionCount: 0 }, other]);
    if (this.looks !== looks) {
      this.looks = looks;
      this.top.replaceChildren(roomAvatar(room, store.users, 'large'), el('p.name', { dir: 'auto' }, store.nameOf(room)),
        el('p', {}, other ? el('bdi', {}, `@${other.username}`) : t(`room.${room.kind}`), ' · ',
          other ? presenceOf(other) : t('room.members', { count: room.memberCount })));
      this.renderSettings(room);
      this.renderFoot(room);
    }
    this.renderMembers(room);
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
      el('div.field', {}, el('label', { for: 'day' }, t('room.toDay')), el('div.joined', {}, day, button(t('room.go'), jump, { symbol: 'calendar' }))));
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

  renderMembers({ kind, role: own }) {
    this.members.parentElement.hidden = kind === 'direct';
    reconcile(this.members, (this.all ?? []).filter(({ user }) => user.id !== store.me.id), {
      keyOf: ({ user }) => user.id,
      looksOf: ({ user, role }) => JSON.stringify([role, own, store.users.get(user.id)]),
      make: ({ user, role }) => personRow(store.users.get(user.id) ?? user, own === 'admin' && kind !== 'lobby' ? this.adminItems(user, role) : [],
        role === 'admin' && t('role.admin')),
    });
  }

  adminItems(user, role) {
    const path = `${this.path}/members/${user.id}`, isAdmin = role === 'admin';
    const act = (action) => attempt(async () => { await action(); store.changed('members', this.roomId); });
    const remove = async () => {
      const isSure = await confirmed(t('room.removeMember'), t('room.removeMemberText', { name: user.displayName }), t('action.remove'));
      if (isSure) act(() => api.delete(path));
    };
    const change = () => act(() => api.patch(path, { role: isAdmin ? 'member' : 'admin' }));
    return [
      { label: t(isAdmin ? 'role.demote' : 'role.promote'), icon: 'people', action: change },
      { label: t('room.removeMember'), icon: 'out', danger: true, action: remove },
    ];
  }

  // -------------------------------------------------------------------- what an admin may, and leaving

  renderFoot({ id, kind, role, otherUser }) {
    const isAdmin = role === 'admin' && kind !== 'lobby', block = otherUser && blockItem(otherUser.id);
    const item = (symbol, text, action, isDanger) => button(text, action, { symbol, class: isDanger ? 'danger-text' : '' });
    this.foot.replaceChildren(...[
      item('search', t('search.inRoom'), () => { location.hash = `#/search/${id}`; }),
      block && item('mute', block.label, block.action, true),
      isAdmin && item('link', t('room.invite'), () => this.invite()),
      isAdmin && item('edit', t('room.rename'), () => this.rename()),
      !block && kind !== 'lobby' && item('out', t('room.leave'), () => this.leave(), true),
      isAdmin && item('trash', t('room.delete'), () => this.remove(), true),
    ].filter(Boolean));
  }

  invite() {
    return attempt(async () => {
      const link = el('input', { readOnly: true, id: 'invite-link', dir: 'ltr', onfocus: () => link.select() });
      const show = ({ inviteCode }) => { link.value = `${location.origin}/#/join/${inviteCode}`; };
      const renew = () => attempt(async () => show(await api.post(`${this.path}/invite`)));
      const copy = () => attempt(async () => {
        link.select();
        if (navigator.clipboard) await navigator.clipboard.writeText(link.value);
        else document.execCommand('copy');  // on pages without https
        notice(t('action.copied'));
      });
      show(await api.get(`${this.path}/invite`));
      openDialog(t('room.invite'), el('div.field', {}, el('label', { for: 'invite-link' }, t('room.inviteText')), link),
        el('div.buttons', {}, button(t('room.inviteRenew'), renew), button(t('action.copy'), copy, { symbol: 'copy', class: 'primary' })));
    });
  }

  rename() {
    const fields = [{ name: 'name', label: t('rooms.name'), required: true, value: this.room.name, maxLength: 120 }];
    const action = async (values) => store.putRoom((await api.patch(this.path, values)).room);
    formDialog(t('room.rename'), { fields, submit: t('action.save'), action });
  }

  async leave() {
    if (await confirmed(t('room.leave'), t('room.leaveText'), t('room.leave'))) this.goFrom(() => api.delete(`${this.path}/members/${store.me.id}`));
  }

  async remove() {
    if (await confirmed(t('room.delete'), t('room.deleteText'), t('room.delete'))) this.goFrom(() => api.delete(this.path));
  }

  goFrom(action) {
    return attempt(async () => {
      await action();
      store.removeRoom(this.roomId);
      location.hash = '#/';
    });
  }
}

customElements.define('room-details', RoomDetails);
