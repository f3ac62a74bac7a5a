// The small words for making a page. Whatever comes from elsewhere goes in as text: nothing here reads markup.

export const byId = (id) => document.getElementById(id);

/** Set as properties and not as attributes. */
const PROPERTIES = new Set(['value', 'checked', 'disabled', 'hidden', 'indeterminate', 'selected', 'textContent', 'className', 'htmlFor', 'tabIndex']);

/** An element. `attributes`: names of attributes, properties as above, and `on` with listeners by event. */
export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (attribute === 'on') Object.entries(value).forEach(([event, act]) => made.addEventListener(event, act));
    else if (PROPERTIES.has(attribute)) made[attribute] = value;
    else made.setAttribute(attribute, value === true ? '' : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const SVG = 'http://www.w3.org/2000/svg';

/** The same for drawings. */
export function draw(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children.flat());
  return made;
}

/** A button with its words; `act` may take its time: the button waits with it, and faults are told. */
export function button(words, act, attributes = {}) {
  const made = make('button', { type: 'button', ...attributes }, words);
  made.addEventListener('click', async (event) => {
    if (made.getAttribute('aria-busy')) return;
    made.setAttribute('aria-busy', 'true');
    try {
      await act(event);
    } finally {
      made.removeAttribute('aria-busy');
    }
  });
  return made;
}

let labelled = 0;

/** A labelled input with room for what is wrong with it. */
export function field(words, input, hint) {
  labelled += 1;
  const id = input.id || `field-${labelled}`;
  const wrong = make('p', { id: `${id}-wrong`, class: 'wrong', role: 'alert' });
  const told = hint && make('p', { id: `${id}-hint`, class: 'hint' }, hint);
  input.id = id;
  input.setAttribute('aria-describedby', [told?.id, wrong.id].filter(Boolean).join(' '));
  return make('div', { class: 'field' }, make('label', { for: id }, words), input, told, wrong);
}

/** Says beside a field what is wrong with it, or that nothing is. Answers whether it is right. */
export function judge(input, fault) {
  const wrong = byId(`${input.id}-wrong`) ?? byId(`${input.id}-fault`);
  if (wrong) wrong.textContent = fault ?? '';
  if (fault) input.setAttribute('aria-invalid', 'true');
  else input.removeAttribute('aria-invalid');
  return !fault;
}

export const choices = (pairs, value) => pairs.map(([key, words]) => make('option', { value: key, selected: key === value }, words));

const dates = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' });

export function time(text) {
  const at = new Date(text ?? '');
  if (Number.isNaN(at.getTime())) return make('span', {}, 'unknown');
  return make('time', { datetime: at.toISOString() }, dates.format(at));
}

export const timeWords = (text) => (text ? dates.format(new Date(text)) : 'unknown');

/** Facts as a list of terms; those without a value are left out. */
export function facts(pairs) {
  const rows = pairs.filter(([, value]) => value !== undefined && value !== null && value !== '');
  return make('dl', { class: 'facts' }, rows.map(([term, value]) => make('div', {}, make('dt', {}, term), make('dd', {}, value))));
}

/** Draws `place` anew, or once nobody presses anything in it: the press would be lost with what it was begun on. */
export function drawUnpressed(place, draw) {
  if (place.matches(':active')) setTimeout(() => drawUnpressed(place, draw), 50);
  else draw();
}

export const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

/** Copies, also where the clipboard's own door is shut (plain http). */
export async function copy(text, input) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    if (!input) return false;
    input.select();
    return document.execCommand('copy');
  }
}
