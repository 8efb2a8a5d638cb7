/**
 * What the pages beside the conversations have in common: a bar with the way back, sections, and lists that come in pages.
 * @module
 */
import { api } from './api.js';
import { button, el, iconLink } from './dom.js';
import { t } from './texts.js';

/** The bar at the top of a page. */
export function pageBar(title, ...more) {
  document.title = `${title} · ${t('app.name')}`;
  return el('header.bar', {}, backLink(), el('div.titles', {}, el('h1', { dir: 'auto' }, title)), ...more);
}

/** The way back to the inbox, where there is room for one thing only. */
export function backLink() { return iconLink('back', t('action.back'), '#/', 'back'); }

/** A part of a page, under a title. */
export function section(title, ...content) { return el('section', {}, el('h2', {}, title), ...content); }

/** A row of a list: somebody or something, in two lines, as a link where there is an address; and what stands at its end. */
export function listRow({ picture, name, under, href }, ...end) {
  const inside = [picture, el('span.name', { dir: 'auto' }, name), under && el('small', {}, ...under)];
  return el('li', {}, href ? el('a.person', { href }, inside) : el('div.person', {}, inside), ...end);
}

/**
 * A list that the server gives in pages: `rowOf` makes an element of each thing, `noun` wraps them in the answer if it has one,
 * `none` is said where there is nothing. A button asks for the next page.
 */
export function pagedList({ rowOf, noun, none }) {
  const list = el('ul.people'), foot = el('div.foot', { role: 'status' });
  let asked = 0;
  const load = async (address, isFirst = true) => {
    const mine = asked += 1;
    try {
      const answer = await api.get(address);
      if (mine !== asked) return;
      if (isFirst) list.replaceChildren();
      list.append(...(noun ? answer[noun] : answer).map(rowOf));
      foot.replaceChildren(list.children.length ? '' : el('p.empty', {}, none),
        answer.next ? button(t('action.showMore'), () => load(answer.next, false)) : '');
    } catch (error) {
      if (mine !== asked) return;
      foot.replaceChildren(el('p.problem', { role: 'alert' }, error.message), button(t('action.tryAgain'), () => load(address, isFirst)));
    }
  };
  const clear = () => {
    asked += 1;
    list.replaceChildren();
    foot.replaceChildren();
  };
  return { element: el('div.paged', {}, list, foot), load, clear };
}
