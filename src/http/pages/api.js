// The API's description as a page: operations by tag, their schemas, and a form that sends them to this server.

const METHODS = ['get', 'post', 'put', 'patch', 'delete', 'head', 'options'];
/** Most of an answer that is shown, in characters, and how long a stream is listened to, in milliseconds. */
const SHOWN = 20_000;
const LISTENED = 5_000;

const place = document.getElementById('operations');
const token = document.getElementById('token');
const filter = document.getElementById('filter');
const shown = document.getElementById('shown');

/** An element with properties and children; text stays text. */
function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ''));
  return made;
}

/** Text in which `code` is code. */
const prose = (text = '') => text.split('`').map((part, index) => (index % 2 ? element('code', {}, part) : part));

const described = await (await fetch('/openapi.json')).json();

function resolved(value) {
  if (!value?.$ref) return value ?? {};
  return value.$ref.slice(2).split('/').reduce((found, part) => found[part], described);
}

/** A schema with what it is made of put together. */
function whole(schema) {
  const found = resolved(schema);
  if (!found.allOf) return found;
  return found.allOf.map(whole).reduce((all, part) => ({
    ...all,
    ...part,
    properties: { ...all.properties, ...part.properties },
    required: [...(all.required ?? []), ...(part.required ?? [])],
  }), { ...found, allOf: undefined });
}

function kind(schema) {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  const named = [schema.type ?? 'any'].flat().join(' | ');
  const bounds = [['≥', schema.minimum], ['≤', schema.maximum], ['≤ length', schema.maxLength]].filter(([, bound]) => bound !== undefined);
  return [schema.format ?? named, ...bounds.map((bound) => bound.join(' '))].join(', ');
}

/** A schema as the text that a reader of JSON expects. */
function outline(schema, depth = 0) {
  const found = whole(schema);
  const indent = '  '.repeat(depth + 1);
  if (found.oneOf && depth < 4) return found.oneOf.map((choice) => outline(choice, depth)).join(' | ');
  if (found.properties && depth < 5) {
    const lines = Object.entries(found.properties).map(([name, property]) => {
      const optional = found.required?.includes(name) ? '' : '?';
      const note = resolved(property).description;
      return `${indent}${name}${optional}: ${outline(property, depth + 1)}${note && !resolved(property).properties ? `  // ${note}` : ''}`;
    });
    return `{\n${lines.join('\n')}\n${'  '.repeat(depth)}}`;
  }
  if (found.items) return `[${outline(found.items, depth)}]`;
  return kind(found);
}

/** A body to begin with: what is required, or everything where nothing is. */
function sample(schema) {
  const found = whole(schema);
  if (found.example !== undefined) return found.example;
  if (found.default !== undefined) return found.default;
  if (found.oneOf) return sample(found.oneOf[0]);
  if (found.enum) return found.enum[0];
  if (found.properties) {
    const names = found.required?.length ? found.required : Object.keys(found.properties);
    return Object.fromEntries(names.map((name) => [name, sample(found.properties[name] ?? {})]));
  }
  if (found.items) return [sample(found.items)];
  return { string: '', integer: found.minimum ?? 0, number: found.minimum ?? 0, boolean: false, object: {}, array: [] }[[found.type].flat()[0]] ?? null;
}

const code = (text, label) => element('pre', { tabIndex: 0, 'aria-label': label }, element('code', {}, text));

function scrolling(label, table) {
  return element('div', { className: 'scrolls', tabIndex: 0, role: 'region', 'aria-label': label }, table);
}

function parametersTable(parameters) {
  if (!parameters.length) return null;
  const rows = parameters.map((one) => element('tr', {},
    element('th', { scope: 'row' }, element('code', {}, one.name), one.required ? ' required' : ''),
    element('td', {}, one.in),
    element('td', {}, element('code', {}, kind(whole(one.schema)))),
    element('td', {}, prose(one.description))));
  const head = element('tr', {}, ['name', 'in', 'values', 'meaning'].map((text) => element('th', { scope: 'col' }, text)));
  return [element('h4', {}, 'Parameters'), scrolling('Parameters', element('table', {}, element('thead', {}, head), element('tbody', {}, rows)))];
}

function bodies(content, label) {
  return Object.entries(content ?? {}).map(([type, { schema }]) => {
    const text = schema ? outline(schema) : '';
    const plain = !text || /^(string|any|object|binary)$/.test(text);
    return [element('p', { className: 'type' }, element('code', {}, type)), plain ? null : code(text, `${label}, ${type}`)];
  });
}

function answers(responses) {
  const all = Object.entries(responses).map(([status, response]) => {
    const found = resolved(response);
    const inner = bodies(found.content, `Body of ${status}`).flat();
    const line = [element('b', { className: `status status-${status[0]}` }, status), ' ', ...prose(found.description)];
    return inner.length ? element('details', { className: 'reply' }, element('summary', {}, line), inner) : element('p', { className: 'reply' }, line);
  });
  return [element('h4', {}, 'Answers'), ...all];
}

/** The path with its parameters filled in, and the query. */
function address(path, inputs) {
  const given = inputs.filter(({ input }) => input.value !== '');
  const filled = given.filter(({ one }) => one.in === 'path').reduce((text, { one, input }) => {
    const encoded = encodeURIComponent(input.value);
    return text.replace(`{${one.name}}`, one.name === 'object' ? encoded.replaceAll('%2F', '/') : encoded);
  }, path);
  const query = new URLSearchParams(given.filter(({ one }) => one.in === 'query').map(({ one, input }) => [one.name, input.value]));
  return query.size ? `${filled}?${query}` : filled;
}

/** What comes within a time: all of an answer, or the beginning of a stream. */
async function read(answer) {
  const reader = answer.body?.getReader();
  const pieces = [];
  const timer = setTimeout(() => reader?.cancel(), LISTENED);
  for (let piece = await reader?.read(); piece && !piece.done; piece = await reader.read()) pieces.push(piece.value);
  clearTimeout(timer);
  return new Blob(pieces, { type: answer.headers.get('content-type') ?? '' });
}

const asDataUrl = (blob) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(reader.result);
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(blob);
});

async function bodyOf(blob) {
  if (blob.type.startsWith('image/')) return element('img', { src: await asDataUrl(blob), alt: 'The picture of the answer' });
  let text = await blob.text();
  if (blob.type.includes('json')) {
    try {
      text = JSON.stringify(JSON.parse(text), null, 2);
    } catch { /* several lines of JSON, or half of one: shown as they are */ }
  }
  if (!text) return element('p', {}, 'No body.');
  return code(text.length > SHOWN ? `${text.slice(0, SHOWN)}\n…` : text, 'Body of the answer');
}

async function send(method, path, inputs, type, body, output) {
  const headers = new Headers();
  if (token.value) headers.set('authorization', `Bearer ${token.value.trim()}`);
  for (const { one, input } of inputs) {
    if (one.in === 'header' && input.value) headers.set(one.name, input.value);
  }
  if (body !== undefined) headers.set('content-type', type);
  const url = address(path, inputs);
  output.replaceChildren(element('p', {}, 'Asking …'));
  const began = performance.now();
  try {
    const answer = await fetch(url, { method: method.toUpperCase(), headers, body, credentials: 'omit', cache: 'no-store' });
    const blob = await read(answer);
    const taken = Math.round(performance.now() - began);
    const help = answer.headers.get('link')?.match(/<([^>]+)>; rel="help"/)?.[1];
    output.replaceChildren(
      element('p', {}, element('b', { className: `status status-${String(answer.status)[0]}` }, String(answer.status)), ` ${answer.statusText} · ${blob.size} bytes · ${taken} ms · `, element('code', {}, `${method.toUpperCase()} ${url}`)),
      help ? element('p', {}, element('a', { href: help }, 'What this error means')) : '',
      element('details', {}, element('summary', {}, 'Headers'), code([...answer.headers].map((pair) => pair.join(': ')).join('\n'), 'Headers of the answer')),
      await bodyOf(blob),
    );
  } catch (fault) {
    output.replaceChildren(element('p', { className: 'wrong' }, `Nothing came back: ${fault.message}`));
  }
}

let fields = 0;

function field(label, input) {
  fields += 1;
  input.id = `field-${fields}`;
  return element('p', { className: 'field' }, element('label', { htmlFor: input.id }, label), input);
}

function inputFor(one) {
  const schema = whole(one.schema);
  if (schema.enum) {
    return element('select', {}, element('option', { value: '' }, one.required ? 'choose' : 'not sent'), schema.enum.map((value) => element('option', { value }, String(value))));
  }
  return element('input', { type: 'text', autocomplete: 'off', spellcheck: false, required: one.required === true, placeholder: String(one.example ?? schema.default ?? '') });
}

function form(method, path, operation, parameters) {
  const inputs = parameters.map((one) => ({ one, input: inputFor(one) }));
  const content = resolved(operation.requestBody).content ?? {};
  const type = Object.keys(content).find((name) => !name.startsWith('multipart/'));
  const written = type && !type.includes('octet-stream');
  const body = written ? element('textarea', { rows: 6, spellcheck: false, value: JSON.stringify(sample(content[type].schema), null, 2) }) : null;
  const file = type && !written ? element('input', { type: 'file' }) : null;
  const output = element('div', { className: 'output', role: 'status' });
  const made = element('form', { className: 'try', autocomplete: 'off' },
    element('h4', {}, 'Try it'),
    inputs.map(({ one, input }) => field(`${one.name} (${one.in}${one.required ? ', required' : ''})`, input)),
    body ? field(`body (${type})`, body) : null,
    file ? field('body (a file)', file) : null,
    element('button', { type: 'submit' }, 'Send'), output);
  made.addEventListener('submit', (event) => {
    event.preventDefault();
    const chosen = file?.files[0];
    const text = body?.value || undefined;
    send(method, path, inputs, chosen?.type || type, chosen ?? text, output);
  });
  return made;
}

/** Who may ask, in words. */
function access(security = []) {
  if (security.every((one) => Object.keys(one).length === 0)) return 'No token is needed.';
  return security.some((one) => Object.keys(one).length === 0) ? 'A token, or none where the route or the port needs none.' : 'Needs a token.';
}

function details(method, path, operation, shared) {
  const parameters = [...(shared ?? []), ...(operation.parameters ?? [])].map(resolved);
  const body = bodies(resolved(operation.requestBody).content, 'Body of the request').flat();
  return [
    operation.description ? element('p', {}, prose(operation.description)) : null,
    element('p', { className: 'who' }, access(operation.security)),
    parametersTable(parameters),
    body.length ? [element('h4', {}, 'Body'), body] : null,
    answers(operation.responses),
    // A websocket is not opened by a form.
    operation.responses['101'] ? null : form(method, path, operation, parameters),
  ].flat(Infinity);
}

function row(method, path, operation, shared) {
  const made = element('details', { className: 'operation', id: operation.operationId },
    element('summary', {},
      element('b', { className: `method method-${method}` }, method.toUpperCase()), ' ',
      element('code', {}, path), ' ', element('span', {}, prose(operation.summary))));
  made.addEventListener('toggle', () => {
    if (made.open && made.childElementCount === 1) made.append(...details(method, path, operation, shared).filter(Boolean));
  });
  made.dataset.words = `${method} ${path} ${operation.summary} ${operation.operationId}`.toLowerCase();
  return made;
}

const operations = Object.entries(described.paths).flatMap(([path, item]) =>
  METHODS.filter((method) => item[method]).map((method) => ({ method, path, operation: item[method], shared: item.parameters })));

const sections = described.tags.map(({ name, description }) => {
  const anchor = name.replaceAll(' ', '-').toLowerCase();
  const mine = operations.filter(({ operation }) => operation.tags[0] === name);
  return element('section', { 'aria-labelledby': anchor },
    element('h2', { id: anchor }, name),
    description ? element('p', {}, prose(description)) : null,
    mine.map(({ method, path, operation, shared }) => row(method, path, operation, shared)));
});
place.replaceChildren(...sections);
place.removeAttribute('aria-busy');

const contents = element('nav', { className: 'contents', 'aria-label': 'On this page' }, element('h2', {}, 'On this page'),
  element('ul', {}, sections.map((section) => {
    const heading = section.querySelector('h2');
    return element('li', {}, element('a', { href: `#${heading.id}` }, heading.textContent));
  })));
document.querySelector('aside').replaceChildren(contents);

function show() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const section of sections) {
    const rows = [...section.querySelectorAll('.operation')];
    for (const one of rows) one.hidden = !words.every((word) => one.dataset.words.includes(word));
    section.hidden = rows.every((one) => one.hidden);
    count += rows.filter((one) => !one.hidden).length;
  }
  shown.textContent = `${count} of ${operations.length} operations`;
}
filter.addEventListener('input', show);
show();

document.getElementById('access').addEventListener('submit', (event) => event.preventDefault());

/** A link to an operation opens it. */
function open() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (named?.matches('.operation')) named.open = true;
  named?.scrollIntoView();
}
addEventListener('hashchange', open);
if (location.hash) open();
