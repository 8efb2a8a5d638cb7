/**
 * What the pages beside the conversations have in common: a bar with the way back, and lists that come in pages.
 * @module
 */
import { api } from './api.js';
import { el, icon } from './dom.js';
import { t } from './texts.js';

/** The bar at the top of a page. */
export function pageBar(title, ...more) {
  document.title = `${title} · ${t('app.name')}`;
  return el('header.bar', {}, el('a.icon-button.back', { href: '#/', ariaLabel: t('action.back'), title: t('action.back') }, icon('back')),
    el('div.titles', {}, el('h1', { dir: 'auto' }, title)), ...more);
}

/**
 * A list that the server gives in pages: `rowOf` makes an element of each thing, `noun` wraps them in the answer if it has one,
 * `none` is said where there is nothing. A button asks for the next page.
 */
export function pagedList({ rowOf, noun, none }) {
  const list = el('ul.people'), foot = el('div.foot', { role: 'status' });
  let asked = 0;
  const load = async (address, isFirst) => {
    const mine = asked += 1;
    try {
      const answer = await api.get(address), things = noun ? answer[noun] : answer;
      if (mine !== asked) return;
      if (isFirst) list.replaceChildren();
      list.append(...things.map(rowOf));
      foot.replaceChildren(...(list.children.length ? [] : [el('p.empty', {}, none)]),
        ...(answer.next ? [el('button', { type: 'button', onclick: () => load(answer.next, false) }, t('action.showMore'))] : []));
    } catch (error) {
      if (mine !== asked) return;
      foot.replaceChildren(el('p.problem', { role: 'alert' }, error.message), el('button', { type: 'button', onclick: () => load(address, isFirst) }, t('action.tryAgain')));
    }
  };
  return { element: el('div.paged', {}, list, foot), load: (address) => load(address, true), clear: () => { asked += 1; list.replaceChildren(); foot.replaceChildren(); } };
}
