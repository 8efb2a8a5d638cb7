/**
 * Forms: labels, the server's words beside the field that they are about, one submission at a time.
 * @module
 */
import { el, openDialog } from './dom.js';
import { t } from './texts.js';

let made = 0;

/**
 * A form of `fields` (`{ name, label, type, value, hint, required, autocomplete, … }`); `submit` is its button's text, and
 * `action` gets the values, and may throw an ApiError, which is shown: by field where the server names fields, else above the button.
 */
export function form({ fields, submit, action }) {
  const rows = new Map(fields.map((field) => [field.name, row(field)]));
  const problem = el('p.problem', { role: 'alert' });
  const button = el('button.primary', { type: 'submit' }, submit);
  const element = el('form.form', { noValidate: true }, ...rows.values(), problem, el('div.buttons', {}, button));
  element.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (button.disabled) return;
    show(rows, problem, {});
    const values = Object.fromEntries(fields.map(({ name, type }) => [name, valueOf(element.elements[name], type)]));
    const missing = fields.filter((field) => field.required && !values[field.name]);
    if (missing.length) return show(rows, problem, { fields: Object.fromEntries(missing.map(({ name }) => [name, [t('form.missing')]])) });
    button.disabled = true;
    try {
      await action(values, element);
    } catch (error) {
      show(rows, problem, error);
    } finally { button.disabled = false; }
  });
  return element;
}

/** A form in a dialog, which closes once its action is done. */
export function formDialog(title, { action, ...about }) {
  const dialog = openDialog(title, form({ ...about, action: async (values) => { await action(values); dialog.close(); } }));
  dialog.querySelector('input').focus();
}

function row({ name, label, type = 'text', hint, choices, value, ...more }) {
  const id = `field-${made += 1}`;
  const properties = { id, name, required: more.required, autocomplete: more.autocomplete ?? 'off', maxLength: more.maxLength ?? 524288 };
  if (type === 'checkbox') {
    const input = el('input', { id, name, type, checked: Boolean(value) });
    return el('div.field.check', {}, input, el('label', { for: id }, label, hint ? el('small', {}, hint) : null));
  }
  const input = choices
    ? el('select', { id, name }, ...choices.map((choice) => el('option', { value: choice.value, selected: choice.value === value }, choice.label)))
    : el('input', { ...properties, type, value: value ?? '', dir: type === 'text' ? 'auto' : 'ltr', autocapitalize: more.autocapitalize ?? 'none' });
  input.setAttribute('aria-describedby', `${id}-hint ${id}-error`);
  return el('div.field', { data: { field: name } }, el('label', { for: id }, label), input,
    hint ? el('small', { id: `${id}-hint` }, hint) : null, el('small.problem', { id: `${id}-error` }));
}

const valueOf = (input, type) => (type === 'checkbox' ? input.checked : type === 'password' ? input.value : input.value.trim());

function show(rows, problem, error) {
  const fields = error.fields ?? {};
  let first;
  rows.forEach((element, name) => {
    const input = element.querySelector('input, select'), place = element.querySelector('.problem');
    if (!place) return;
    place.textContent = fields[name]?.join(', ') ?? '';
    input.setAttribute('aria-invalid', String(Boolean(fields[name])));
    if (fields[name]) first ??= input;
  });
  const unplaced = Object.keys(fields).filter((name) => !rows.has(name)).map((name) => `${name}: ${fields[name].join(', ')}`);
  problem.textContent = first ? unplaced.join('\n') : unplaced.join('\n') || error.message || '';
  first?.focus();
}
