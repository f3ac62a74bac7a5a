// What wrk cannot do for benches/compare: an origin that counts and dawdles, pages of many pictures, and more requests than
// a server can answer. Results are words on one line.
//
//   origin FOLDER                       prints its URL; any name is one of the folder's pictures, `slow-…` comes after 3 s
//   burst ROUNDS ORIGIN SERVER=URL…     8 widths of one picture at once; URLs have {name} and {width}
//   page COUNT URL                      COUNT pictures at once for one client; the URL has {name}
//   flood RATE SECONDS CLIENTS SLOW URL so many a second, whether answered or not; SLOW: - all alike, 0 every
//                                       tenth is counted apart, 1 and comes late
//   calm URL LIMIT_MS                   how long until one picture by itself takes no longer than that
import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';

const WIDTHS = [64, 96, 128, 256, 384, 640, 750, 828];
const SLOW_MS = 3000;
const agent = new http.Agent({ keepAlive: true, maxSockets: Infinity });
const run = `${process.pid}-${Date.now()}`;

/** The answer's status, and the milliseconds until its last byte. */
function get(url, headers = {}) {
  const began = performance.now();
  return new Promise((resolve) => {
    const done = (status) => resolve({ status, ms: performance.now() - began });
    const request = http.get(url, { agent, headers: { accept: 'image/webp', ...headers } }, (answer) => {
      answer.resume().on('end', () => done(answer.statusCode)).on('error', () => done(0));
    });
    request.on('error', () => done(0));
  });
}

function quantile(values, share) {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted.length ? sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] : 0;
}

const round = (value) => value.toFixed(1);
const filled = (template, name, width) => template.replace('{name}', name).replace('{width}', width);

function origin(folder) {
  const pictures = readdirSync(folder).sort().map((name) => readFileSync(`${folder}/${name}`));
  const fetches = new Map();
  const modified = new Date().toUTCString();
  const server = http.createServer((request, response) => {
    const name = decodeURIComponent(request.url.split('?')[0].slice(1));
    if (name.startsWith('fetches/')) return response.end(String(fetches.get(name.slice(8)) ?? 0));
    const picture = pictures[Number(name.match(/(\d+)\.\w+$/)?.[1] ?? 0) % pictures.length];
    if (request.method === 'GET') fetches.set(name, (fetches.get(name) ?? 0) + 1);
    const answer = () => {
      const headers = { 'content-type': 'image/png', 'content-length': picture.length, etag: `"${name}"` };
      response.writeHead(200, { ...headers, 'last-modified': modified, 'cache-control': 'max-age=3600' });
      response.end(request.method === 'HEAD' ? undefined : picture);
    };
    setTimeout(answer, name.startsWith('slow-') ? SLOW_MS : 0);
  });
  server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));
}

async function fetchesOf(base, name) {
  const answer = await fetch(`${base}fetches/${name}`);
  return Number(await answer.text());
}

async function burst(rounds, base, servers) {
  const templates = servers.map((server) => [server.slice(0, server.indexOf('=')), server.slice(server.indexOf('=') + 1)]);
  const results = new Map(templates.map(([server]) => [server, { times: [], fetches: [], failed: 0 }]));
  // The first round warms code up and is forgotten.
  for (let number = 0; number <= rounds; number++) {
    for (const [server, template] of templates) {
      const name = `burst-${server}-${run}-${number}.png`;
      const began = performance.now();
      const all = await Promise.all(WIDTHS.map((width) => get(filled(template, name, width))));
      const result = results.get(server);
      if (number === 0) continue;
      result.times.push(performance.now() - began);
      result.fetches.push(await fetchesOf(base, name));
      result.failed += all.filter(({ status }) => status !== 200).length;
    }
  }
  for (const [server, { times, fetches, failed }] of results) {
    const times3 = [quantile(times, 0.5), Math.min(...times), Math.max(...times)].map(round);
    console.log(server, ...times3, round(quantile(fetches, 0.5)), failed);
  }
}

/** Prints "answered refused milliseconds". */
async function page(count, template) {
  const began = performance.now();
  const names = Array.from({ length: count }, (_, number) => `page-${run}-${number}.png`);
  const all = await Promise.all(names.map((name) => get(filled(template, name), { 'x-forwarded-for': '198.51.100.250' })));
  const answered = all.filter(({ status }) => status === 200).length;
  console.log(answered, count - answered, round(performance.now() - began));
}

/** Prints "answered p50 p99 most refused refused_p99 of_them_429 other tenths". */
async function flood(rate, seconds, clients, slow, template) {
  const all = [];
  const began = performance.now();
  const pending = [];
  for (let number = 0; number < rate * seconds; number++) {
    const wait = began + (number / rate) * 1000 - performance.now();
    if (wait > 1) await new Promise((resolve) => setTimeout(resolve, wait));
    const isTenth = slow !== '-' && number % 10 === 0;
    const name = `${slow === '1' && isTenth ? 'slow' : 'fast'}-${run}-${number}.png`;
    const headers = { 'x-forwarded-for': `198.51.100.${(number % clients) + 1}` };
    pending.push(get(filled(template, name), headers).then((answer) => all.push({ ...answer, isTenth })));
  }
  await Promise.all(pending);
  const ours = all.filter(({ isTenth }) => !isTenth);
  const having = (statuses) => ours.filter(({ status }) => statuses.includes(status)).map(({ ms }) => ms);
  const [answered, refused] = [having([200]), having([429, 503])];
  const times = [quantile(answered, 0.5), quantile(answered, 0.99), Math.max(0, ...answered)].map(round);
  const other = ours.length - answered.length - refused.length;
  const tenths = all.filter(({ status, isTenth }) => isTenth && status === 200).length;
  console.log(answered.length, ...times, refused.length, round(quantile(refused, 0.99)), having([429]).length, other, tenths);
}

async function calm(template, limit) {
  const began = performance.now();
  for (let number = 0; performance.now() - began < 30_000; number++) {
    const { status, ms } = await get(filled(template, `calm-${run}-${number}.png`), { 'x-forwarded-for': '198.51.100.251' });
    if (status === 200 && ms <= limit) return console.log(round(performance.now() - began - ms));
  }
  console.log('30000.0');
}

const [work, ...given] = process.argv.slice(2);
const works = {
  origin: () => origin(given[0]),
  burst: () => burst(Number(given[0]), given[1], given.slice(2)),
  page: () => page(Number(given[0]), given[1]),
  flood: () => flood(...given.slice(0, 3).map(Number), given[3], given[4]),
  calm: () => calm(given[0], Number(given[1])),
};
await works[work]();
if (work !== 'origin') agent.destroy();
