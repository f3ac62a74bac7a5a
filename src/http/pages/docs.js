// The documentation's pages work without this: it folds the navigation, copies code and searches.

const menu = document.getElementById('menu');
const wide = matchMedia('(width >= 52rem)');

/** Beside the page the navigation is always open; above it only when it is asked for. */
function fold() {
  menu.open = wide.matches;
}
fold();
wide.addEventListener('change', fold);
menu.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });

for (const block of document.querySelectorAll('article pre')) {
  const frame = document.createElement('div');
  frame.className = 'copied';
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(block.textContent);
      button.textContent = 'Copied';
    } catch {
      // Without the permission, or not over TLS: what can be copied by hand is at least selected.
      getSelection().selectAllChildren(block);
      button.textContent = 'Selected';
    }
    button.classList.add('done');
    setTimeout(() => {
      button.textContent = 'Copy';
      button.classList.remove('done');
    }, 1500);
  });
  block.replaceWith(frame);
  frame.append(block, button);
}

const search = document.querySelector('.search');
const input = document.getElementById('search');
const found = document.getElementById('found');
const count = document.getElementById('found-count');
const MOST = 12;
let sections;

search.hidden = false;

async function load() {
  sections ??= fetch('/docs/search.json').then((answer) => answer.json());
  return sections;
}

/** The sections that have every word, those with a word in the heading first. */
function matching(all, words) {
  const scored = all.map((section) => {
    const heading = `${section.heading} ${section.page}`.toLowerCase();
    const text = section.text.toLowerCase();
    let score = 0;
    for (const word of words) {
      if (heading.includes(word)) score += section.heading.toLowerCase().includes(word) ? 12 : 6;
      else if (text.includes(word)) score += 1;
      else return { section, score: 0 };
    }
    return { section, score };
  });
  return scored.filter(({ score }) => score > 0).sort((one, other) => other.score - one.score).map(({ section }) => section);
}

/** A few words around the first that was asked for. */
function excerpt(text, words) {
  const at = Math.max(0, ...words.map((word) => text.toLowerCase().indexOf(word)).filter((place) => place >= 0).slice(0, 1));
  const start = at > 60 ? text.indexOf(' ', at - 60) + 1 : 0;
  const piece = `${start ? '… ' : ''}${text.slice(start, start + 150)}`;
  const line = document.createElement('span');
  const pattern = new RegExp(`(${words.map((word) => word.replace(/[^\w]/g, '\\$&')).join('|')})`, 'i');
  for (const [index, part] of piece.split(pattern).entries()) {
    const node = index % 2 ? document.createElement('mark') : document.createTextNode('');
    node.textContent = part;
    line.append(node);
  }
  return line;
}

function row(section, words) {
  const item = document.createElement('li');
  const link = document.createElement('a');
  link.href = section.url;
  const title = document.createElement('b');
  title.textContent = section.heading === section.page ? section.page : `${section.page}: ${section.heading}`;
  link.append(title, excerpt(section.text, words));
  item.append(link);
  return item;
}

async function show() {
  const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) {
    found.hidden = true;
    count.textContent = '';
    return;
  }
  const all = matching(await load(), words);
  const rows = all.slice(0, MOST).map((section) => row(section, words));
  if (!rows.length) {
    const none = document.createElement('li');
    none.className = 'none';
    none.textContent = 'Nothing has all of these words.';
    rows.push(none);
  }
  found.replaceChildren(...rows);
  found.hidden = false;
  count.textContent = `${all.length} found`;
}

input.addEventListener('focus', load);
input.addEventListener('input', show);

function step(event, by) {
  const links = [input, ...found.querySelectorAll('a')];
  const next = links[links.indexOf(document.activeElement) + by];
  if (!next || found.hidden) return;
  next.focus();
  event.preventDefault();
}
search.addEventListener('keydown', (event) => {
  if (event.key === 'ArrowDown') step(event, 1);
  if (event.key === 'ArrowUp') step(event, -1);
  if (event.key === 'Enter' && document.activeElement === input) found.querySelector('a')?.click();
  if (event.key === 'Escape') {
    found.hidden = true;
    input.focus();
  }
});
found.addEventListener('click', () => { found.hidden = true; });
document.addEventListener('click', (event) => {
  if (!search.contains(event.target)) found.hidden = true;
});
document.addEventListener('keydown', (event) => {
  if (event.key !== '/' || event.target.matches('input, textarea, select')) return;
  event.preventDefault();
  input.focus();
});
