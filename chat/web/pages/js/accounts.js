/**
 * Signing in and up, and setting a new password by a link.
 * @module
 */
import { api, session } from './api.js';
import { el } from './dom.js';
import { form } from './forms.js';
import { t } from './texts.js';

const name = () => ({ name: 'name', label: t('account.nameOrEmail'), required: true, autocomplete: 'username' });
const email = () => ({ name: 'email', type: 'email', label: t('account.email'), required: true, autocomplete: 'email' });
const password = (autocomplete) => ({ name: 'password', type: 'password', label: t('account.password'), required: true, autocomplete,
  hint: autocomplete === 'new-password' ? t('account.passwordHint') : null });

const FORMS = { signIn, signUp, forgot, reset };

/** What is shown to people who are not signed in: `page` is one of the above, with the code or token of a link. */
export function accountPage({ page, ...about }) {
  const { title, body, links } = FORMS[page](about);
  document.title = `${title} · ${t('app.name')}`;
  const logo = el('img.logo', { src: new URL('../icons/icon.svg', import.meta.url), alt: '', width: 48, height: 48 });
  return el('div.card', {}, logo, el('h1', {}, title), body,
    el('p.links', {}, ...links.map(([hash, text]) => el('a', { href: hash }, text))));
}

function signIn() {
  const action = async ({ name: who, password: secret }) => {
    session.begin(await api.open('/api/auth/login', { [who.includes('@') ? 'email' : 'username']: who, password: secret }));
  };
  const body = form({ fields: [name(), password('current-password')], submit: t('account.signIn'), action });
  return { title: t('account.signIn'), body, links: [['#/sign-up', t('account.toSignUp')], ['#/forgot', t('account.forgot')]] };
}

function signUp({ code }) {
  const displayName = { name: 'displayName', label: t('account.displayName'), required: true, autocomplete: 'name', autocapitalize: 'words',
    hint: t('account.displayNameHint') };
  const username = { name: 'username', label: t('account.username'), autocomplete: 'username', hint: t('account.usernameHint') };
  const body = form({ fields: [displayName, username, email(), password('new-password')], submit: t('account.signUp'), action: async (values) => {
    session.begin(await api.open('/api/auth/register', { ...values, username: values.username || undefined, ...(code && { inviteCode: code }) }));
  } });
  return { title: code ? t('account.invited') : t('account.signUp'), body, links: [['#/sign-in', t('account.toSignIn')]] };
}

function forgot() {
  const body = form({ fields: [email()], submit: t('account.sendLink'), action: async (values, element) => {
    await api.open('/api/auth/forgot', values);
    element.replaceWith(el('p', { role: 'status' }, t('account.linkSent')));
  } });
  return { title: t('account.forgot'), body, links: [['#/sign-in', t('account.toSignIn')]] };
}

function reset({ token }) {
  const body = form({ fields: [password('new-password')], submit: t('account.setPassword'), action: async ({ password: secret }) => {
    const answer = await api.open('/api/auth/reset', { token, password: secret });
    location.replace('#/');
    session.begin(answer);
  } });
  return { title: t('account.newPassword'), body, links: [['#/sign-in', t('account.toSignIn')]] };
}
