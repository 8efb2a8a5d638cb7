/**
 * What people write, as nodes: text, links that are recognised, mentions. Never HTML.
 * @module
 */
import { el } from './dom.js';

// A link ends before what turns the direction of text: it could look like another address.
const PARTS = /(https?:\/\/[^\s<>"\u202a-\u202e\u2066-\u2069]+)|(@[A-Za-z0-9_.-]+)/giu;

/** The nodes of a text; `mentioned` are the users who are mentioned in it, `myId` is who reads it. */
export function richText(text, mentioned = [], myId = 0) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(PARTS)) {
    const node = match[1] ? link(match[1]) : mention(match[2], mentioned, myId);
    if (!node) continue;
    nodes.push(text.slice(end, match.index), node);
    end = match.index + node.textContent.length;
  }
  nodes.push(text.slice(end));
  return nodes.filter((node) => node !== '');
}

/** The nodes of a text with those words marked that begin as one that was searched for. */
export function markedText(text, query) {
  const words = query.split(/\s+/).filter(Boolean).map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  if (!words.length) return [text];
  return text.split(new RegExp(`(${words.join('|')})`, 'giu')).map((part, place) => (place % 2 ? el('mark', {}, part) : part));
}

function link(found) {
  let address = found.replace(/[.,:;!?'*_]+$/u, '');
  if (/[)\]}]$/.test(address) && !/[([{]/.test(address)) address = address.replace(/[)\]}.,:;!?]+$/u, '');
  if (!URL.canParse(address)) return null;
  return el('a', { href: address, target: '_blank', rel: 'noopener noreferrer' }, address);
}

// A name may end in punctuation, and so may a sentence.
function mention(found, mentioned, myId) {
  for (let name = found.slice(1); name; name = /[._-]$/.test(name) ? name.slice(0, -1) : '') {
    const user = mentioned.find(({ username }) => username.toLowerCase() === name.toLowerCase());
    if (user) return el('span.mention', { class: user.id === myId ? 'of-me' : '' }, `@${name}`);
  }
  return null;
}
