/**
 * Elements made in one expression. What is given as text becomes text nodes: nothing is ever read as markup.
 * @module
 */

// On a grid of 24 points, drawn by lines of two.
const ICONS = {
  accept: 'M5 4h4l2 5-2.5 1.5a11 11 0 0 0 5 5L15 13l5 2v4a2 2 0 0 1-2 2A16 16 0 0 1 3 6a2 2 0 0 1 2-2',
  end: 'M2 15.5v-2C7 8.2 17 8.2 22 13.5v2l-4.5 1-1.5-3.5a12 12 0 0 0-8 0L6.5 16.5z',
  camera: 'M4 6h9a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V8a2 2 0 0 1 2-2zM15 10.5l6-3.5v10l-6-3.5',
  sound: 'M12 2a3 3 0 0 1 3 3v6a3 3 0 0 1-6 0V5a3 3 0 0 1 3-3zM5 11a7 7 0 0 0 14 0M12 18v4M8 22h8',
  screen: 'M4 4h16a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2zM8 21h8M12 13.5V8M9 10.5 12 7.5l3 3',
  larger: 'M14 4h6v6M10 20H4v-6M20 4l-7 7M4 20l7-7',
  smaller: 'M4 14h6v6M20 10h-6V4M10 14l-7 7M14 10l7-7',
  close: 'M6 6l12 12M18 6 6 18',
  play: 'M7 4.5v15l12-7.5z',
  pause: 'M8 5v14M16 5v14',
  send: 'M4 12 20.5 4 14 20.5 11 13z',
  remove: 'M4 7h16M9 7V4h6v3M6 7l1 14h10l1-14M10 11v6M14 11v6',
  download: 'M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14',
  previous: 'M15 5l-7 7 7 7',
  next: 'M9 5l7 7-7 7',
};

/**
 * A new element. Attributes of `true` are set without a value; those of `false` and `null` are left out; functions
 * named `onclick`, … handle events. Children are nodes and texts; `null` is left out.
 */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(key.slice(2), value);
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** A picture of ICONS; what it means has to be said in words beside it. */
export function icon(name) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS(svg.namespaceURI, 'path');
  for (const [key, value] of Object.entries({ viewBox: '0 0 24 24', class: 'icon', 'aria-hidden': 'true' })) svg.setAttribute(key, value);
  path.setAttribute('d', ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button that shows an icon; its label is read out, and shown to those who wait over it. */
export function iconButton(name, label, attributes = {}) {
  return element('button', { type: 'button', title: label, 'aria-label': label, ...attributes }, icon(name));
}
