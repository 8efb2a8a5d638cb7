/**
 * Elements made in one expression. What is given as text becomes text nodes: nothing is ever read as markup.
 * @module
 */

// On a grid of 24 points, drawn by lines of two.
const PATHS = {
  call: 'M5 4h4l1.5 5L8 11c1 2.5 2.5 4 5 5l2-2.5 5 1.5v4c0 1-1 2-2 2C10 20.5 3.5 14 3 6c0-1 1-2 2-2z', hangup: 'M2 15.5v-2C7 8.2 17 8.2 22 13.5v2l-4.5 1-1.5-3.5a12 12 0 0 0-8 0L6.5 16.5z',
  video: 'M3 6h12v12H3zM15 10.5L21 7v10l-6-3.5', mic: 'M12 3a3 3 0 0 0-3 3v6a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3',
  screen: 'M4 4h16a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2zM8 21h8M12 13.5V8M9 10.5 12 7.5l3 3',
  larger: 'M14 4h6v6M10 20H4v-6M20 4l-7 7M4 20l7-7', smaller: 'M4 14h6v6M20 10h-6V4M10 14l-7 7M14 10l7-7', close: 'M6 6l12 12M18 6L6 18',
  play: 'M7 4.5v15l12-7.5z', pause: 'M8 5v14M16 5v14', send: 'M4 12L20 4l-6 16-3-6.5zM11 13.5L20 4', trash: 'M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13',
  download: 'M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14', previous: 'M15 5l-7 7 7 7', next: 'M9 5l7 7-7 7',
};

/** An element: `el('button.primary', { onclick, ariaLabel: 'Send' }, 'Send')`. Children that are null or false are left out. */
export function el(tag, properties = {}, ...children) {
  const [name, ...classes] = tag.split('.');
  const element = document.createElement(name);
  element.className = classes.join(' ');
  for (const [key, value] of Object.entries(properties)) {
    if (value == null) continue;
    if (key === 'class') element.className += ` ${value}`;
    else if (key.includes('-') || key === 'role') element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(...children.filter((child) => child != null && child !== false));
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

/** A button that shows an icon; its label is read out, and shown to those who wait over it. */
export function iconButton(name, label, onclick, properties = {}) {
  return el('button.icon-button', { type: 'button', ariaLabel: label, title: label, onclick, ...properties }, icon(name));
}
