/**
 * What the page says, in the language that the browser asks for: one JSON file for each, and times and plurals by Intl.
 * @module
 */

const LANGUAGES = ['en', 'de'];
const MINUTE = 60, HOUR = 3600, DAY = 86400, WEEK = 7 * DAY;

/** The language of the page. */
export const language = navigator.languages.map((tag) => tag.split('-')[0]).find((tag) => LANGUAGES.includes(tag)) ?? 'en';
// Times as the reader's region writes them, where the region is of the same language.
const locale = navigator.languages.find((tag) => tag.split('-')[0] === language) ?? language;

let texts = {};
const plurals = new Intl.PluralRules(locale);
const formats = new Map();

/** Resolved once `t` knows its texts. */
export const ready = load();

async function load() {
  const answer = await fetch(new URL(`../texts/${language}.json`, import.meta.url));
  if (!answer.ok) throw new Error(`no texts: ${answer.status}`);
  texts = await answer.json();
  document.documentElement.lang = language;
}

/**
 * The text of a key, with each `{name}` in it filled in from `values`.
 * With a `count`, which is written as the language writes numbers, it is the text of `key.one`, `key.other`, ….
 */
export function t(key, values = {}) {
  const form = 'count' in values ? `${key}.${plurals.select(values.count)}` : key;
  const text = texts[form] ?? texts[`${key}.other`] ?? texts[key] ?? key;
  const written = (value) => (typeof value === 'number' ? format('NumberFormat', {}).format(value) : value ?? '');
  return text.replace(/\{(\w+)\}/g, (_, name) => written(values[name]));
}

/** What the server says in English, with the code of its error, in the language of the page; numbers in it stay as they are. */
export function translated(said, code) {
  const numbers = said.match(/\d[\d,]*/g) ?? [];
  const own = texts[`server.${said.replace(/\d[\d,]*/g, '#')}`]?.replace(/#/g, () => numbers.shift());
  return own ?? (language === 'en' ? said : texts[`error.${code}`] ?? said);
}

/** The time of day of a Date, or of a time as the API writes it: 14:05. */
export function formatTime(time) { return format('DateTimeFormat', { hour: 'numeric', minute: '2-digit' }).format(new Date(time)); }

/** The day of a time: today, yesterday, its weekday within a week, else its date. */
export function formatDay(time) {
  const day = new Date(time), age = Math.round((midnight(new Date()) - midnight(day)) / 1000 / DAY);
  if (age === 0 || age === 1) return capital(format('RelativeTimeFormat', { numeric: 'auto' }).format(-age, 'day'));
  if (age > 1 && age < 7) return format('DateTimeFormat', { weekday: 'long' }).format(day);
  const isThisYear = day.getFullYear() === new Date().getFullYear();
  return format('DateTimeFormat', { day: 'numeric', month: 'long', ...(isThisYear ? {} : { year: 'numeric' }) }).format(day);
}

/** A moment in full, for titles and for those who listen: Tuesday, 3 March 2026 at 14:05. */
export function formatMoment(time) { return format('DateTimeFormat', { dateStyle: 'full', timeStyle: 'short' }).format(new Date(time)); }

/** How long ago a time is, in the largest unit that fits: 5 minutes ago. */
export function formatAgo(time) {
  const age = Math.max(0, (Date.now() - new Date(time)) / 1000);
  const [unit, seconds] = age < HOUR ? ['minute', MINUTE] : age < DAY ? ['hour', HOUR] : age < WEEK ? ['day', DAY] : ['week', WEEK];
  return format('RelativeTimeFormat', { numeric: 'auto' }).format(-Math.floor(age / seconds), unit);
}

/** A number of bytes in the unit that suits it: 3.4 MB. */
export function formatSize(bytes) {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, bytes)) / 3));
  const options = { style: 'unit', unit: units[power], unitDisplay: power ? 'short' : 'long', maximumFractionDigits: power > 1 ? 1 : 0 };
  return format('NumberFormat', options).format(bytes / 1000 ** power);
}

/** A number of seconds as clocks of players show it: 1:05. */
export function formatDuration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(whole / 60) % 60, hours = Math.floor(whole / 3600);
  const parts = hours ? [hours, String(minutes).padStart(2, '0')] : [minutes];
  return [...parts, String(whole % 60).padStart(2, '0')].join(':');
}

// Making a format takes a hundred times longer than using one.
function format(kind, options) {
  const key = kind + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl[kind](locale, options));
  return formats.get(key);
}

function midnight(day) { return new Date(day.getFullYear(), day.getMonth(), day.getDate()); }

function capital(text) { return text.charAt(0).toLocaleUpperCase(locale) + text.slice(1); }
