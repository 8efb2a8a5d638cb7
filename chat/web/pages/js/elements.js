/**
 * Elements made in one expression. What is given as text becomes text nodes: nothing is ever read as markup.
 * @module
 */

// On a grid of 24 points, drawn by lines of two.
const PATHS = {
  back: 'M15 5l-7 7 7 7', close: 'M6 6l12 12M18 6L6 18', plus: 'M12 5v14M5 12h14', more: 'M5 12h.01M12 12h.01M19 12h.01',
  search: 'M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l5 5', send: 'M4 12L20 4l-6 16-3-6.5zM11 13.5L20 4', down: 'M6 9l6 6 6-6',
  people: 'M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 20c.5-4 3-6 6.5-6s6 2 6.5 6M16 4.5a3.5 3.5 0 0 1 0 6M18 14.5c2 .8 3.2 2.6 3.5 5.5',
  edit: 'M4 20l1-5L16 4l4 4L9 19zM14 6l4 4', trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13', reply: 'M9 6l-6 6 6 6M3 12h11c4 0 7 2 7 7',
  copy: 'M9 9h11v11H9zM15 9V4H4v11h5', smile: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM8.5 14.5c1.8 2.6 5.2 2.6 7 0M9 9.5h.01M15 9.5h.01',
  clip: 'M20 11l-8.5 8.5a5 5 0 0 1-7-7L13 4a3.4 3.4 0 0 1 5 5l-8.5 8.5a1.7 1.7 0 0 1-2.5-2.5L14.5 7.5', file: 'M6 3h8l5 5v13H6zM14 3v5h5',
  mic: 'M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3',
  call: 'M5 4h4l1.5 5L8 11c1 2.5 2.5 4 5 5l2-2.5 5 1.5v4c0 1-1 2-2 2C10 20.5 3.5 14 3 6c0-1 1-2 2-2z', video: 'M3 6h12v12H3zM15 10.5L21 7v10l-6-3.5',
  info: 'M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v6M12 7.5h.01', pin: 'M9 4h6l-1 6 3 3H7l3-3zM12 13v7',
  mute: 'M6 17h12l-1.5-2V10a4.5 4.5 0 0 0-9 0v5zM10 20h4M4 4l16 16', lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  hash: 'M9 4L7 20M17 4l-2 16M4.5 9h16M3.5 15h16', check: 'M4 12.5l5 5L20 7', double: 'M2 12.5l4.5 4.5L15 8M11 16l1 1 9.5-9.5',
  clock: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4l2.5 2', alert: 'M12 4L2.5 20h19zM12 10v4.5M12 17.5h.01',
  calendar: 'M4 6h16v14H4zM4 10.5h16M8 3v4M16 3v4', link: 'M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1',
  out: 'M10 4H5v16h5M15 8l4 4-4 4M19 12H9', hangup: 'M2 15.5v-2C7 8.2 17 8.2 22 13.5v2l-4.5 1-1.5-3.5a12 12 0 0 0-8 0L6.5 16.5z',
  screen: 'M4 4h16a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2zM8 21h8M12 13.5V8M9 10.5 12 7.5l3 3',
  larger: 'M14 4h6v6M10 20H4v-6M20 4l-7 7M4 20l7-7', smaller: 'M4 14h6v6M20 10h-6V4M10 14l-7 7M14 10l7-7', play: 'M7 4.5v15l12-7.5z',
  pause: 'M8 5v14M16 5v14', download: 'M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14', next: 'M9 5l7 7-7 7',
};

/**
 * An element: `el('button.primary', { onclick, ariaLabel: 'Send' }, 'Send')`. `data` goes into its dataset; children that are null or
 * false are left out.
 */
export function el(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split('.');
  const element = document.createElement(name);
  element.className = classes.join(' ');
  for (const [key, value] of Object.entries(properties)) {
    if (value == null) continue;
    if (key === 'class') element.className += ` ${value}`;
    else if (key === 'data') Object.assign(element.dataset, value);
    else if (key.includes('-') || ['role', 'for', 'popover'].includes(key)) element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

/** A picture of PATHS; what it means has to be said in words beside it. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg'), path = document.createElementNS(svg.namespaceURI, 'path');
  for (const [key, value] of Object.entries({ viewBox: '0 0 24 24', class: `icon icon-${name}`, 'aria-hidden': 'true' })) svg.setAttribute(key, value);
  path.setAttribute('d', PATHS[name]);
  svg.append(path);
  return svg;
}

/** A link that shows an icon, with its label as iconButton has it. */
export function iconLink(name, label, href, kind = '') {
  return el('a.icon-button', { href, ariaLabel: label, title: label, class: kind }, icon(name));
}

/** A button that shows an icon; its label is read out, and shown to those who wait over it. */
export function iconButton(name, label, onclick, properties = {}) {
  return el('button.icon-button', { type: 'button', ariaLabel: label, title: label, onclick, ...properties }, icon(name));
}
