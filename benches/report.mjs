// What benches/compare measured, as benches/results.md and benches/results.svg: `report.mjs MACHINE RESULTS FOLDER`.
// MACHINE has a `key=value` on each line, RESULTS a line `part|row|server|values…` for each measurement.
import { readFileSync, writeFileSync } from 'node:fs';

const [machineFile, resultsFile, folder] = process.argv.slice(2);
const lines = (file) => readFileSync(file, 'utf8').split('\n').filter(Boolean);
const machine = Object.fromEntries(lines(machineFile).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
const results = lines(resultsFile).map((line) => {
  const [part, row, server, ...values] = line.split('|');
  return { part, row, server, values: values.map((value) => value.split(' ')) };
});

const of = (part) => results.filter((result) => result.part === part);
const rowsOf = (part) => [...new Set(of(part).map(({ row }) => row))];
const count = (value) => (value >= 1000 ? Math.round(value).toLocaleString('en-US') : String(value));
const table = (head, rows) => [head, head.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`).join('\n');
const spread = ([median, low, high]) => `${count(Number(median))} (${count(Number(low))}–${count(Number(high))})`;
const ratio = (one, other) => (Number(other) > 0 ? `${(Number(one) / Number(other)).toFixed(2)}x` : '');
const sections = [];

/** A section, if its part was measured. `row` makes cells of a result and of tintype's result in the same row. */
function section(part, title, text, head, row) {
  if (!of(part).length) return;
  const rows = of(part).map((result) => {
    const ours = of(part).find((other) => other.row === result.row && other.server === 'tintype');
    return row(result, result.server === 'tintype' ? undefined : ours);
  });
  sections.push(`## ${title}\n\n${text}\n\n${table(head, rows)}`);
}

section(
  'cold',
  'Cold pictures',
  'Another picture for every request, on 4 connections. SSIMULACRA2 beside Lanczos3 of the source in linear light, bytes and score the mean of 24 pictures.',
  ['work', 'server', 'pictures a second (lowest–highest)', 'tintype is', 'p99 ms', 'bytes', 'tintype has', 'SSIMULACRA2', 'lowest', 'failed'],
  ({ row, server, values: [rate, p99, [, , , bytes, score, lowest], [failed]] }, ours) => {
    const faster = ours ? ratio(ours.values[0][0], rate[0]) : '';
    return [row, server, spread(rate), faster, p99[0], count(Number(bytes)), ours ? ratio(ours.values[2][3], bytes) : '', score, lowest, failed];
  },
);
const bytesOf = (row, server) => of('cold').find((other) => other.row === row && other.server === server)?.values[2][3];
section(
  'refined',
  'After refining',
  'The same pictures once they were encoded anew while nothing else was to do, or when they are warmed.',
  ['work', 'bytes', 'of the first answer', 'of oximg’s', 'SSIMULACRA2', 'lowest'],
  ({ row, values: [[, , , bytes, score, lowest]] }) => [row, count(Number(bytes)), ratio(bytes, bytesOf(row, 'tintype')), ratio(bytes, bytesOf(row, 'oximg')), score, lowest],
);
section(
  'burst',
  'A srcset at once',
  'Eight widths (64 to 828) of one cold PNG of 1024 x 1024, asked for at once; its origin counts.',
  ['server', 'ms until all are there (lowest–highest)', 'tintype takes', 'fetches from the origin', 'failed'],
  ({ server, values: [times, fetches, [failed]] }, ours) => [server, spread(times), ours ? ratio(ours.values[0][0], times[0]) : '', fetches[0], failed],
);
section(
  'hits',
  'Hits',
  'The same bytes from tintype’s memory and from a static file of nginx with open_file_cache, 64 connections that stay open (HTTP/2: 8 with 8 streams each). Servers have half of the cores, clients the others.',
  ['what', 'server', 'answers a second (lowest–highest)', 'tintype is', 'p99 ms', 'bytes', 'failed'],
  ({ row, server, values: [rate, p99, [bytes], [failed]] }, ours) => {
    const time = Number(p99[0]) > 0 ? p99[0] : '';
    return [row, server, spread(rate), ours ? ratio(ours.values[0][0], rate[0]) : '', time, bytes, failed];
  },
);
section(
  'memory',
  'Memory',
  'Resident megabytes of all of a server’s processes: idle, and the most while it makes 256 WebP of 16 PNG of 1024 x 1024 at a time.',
  ['server', 'idle', 'most', 'tintype needs', 'pictures a second meanwhile'],
  ({ server, values: [idle, most, rate] }, ours) => [server, idle[0], most[0], ours ? ratio(ours.values[1][0], most[0]) : '', rate[0]],
);
section('soak', 'Soak', 'Different pictures one after the other, 8 at a time; a cache of 256 MB in memory.', ['after', 'resident MB', 'most'],
  ({ row, values: [now, most] }) => [row, now[0], most[0]]);

const [sustained, page, flooded, calm] = of('overload').map(({ values }) => values);
if (calm) {
  const [answered, p50, p99, most, refused, refusedP99, limited, other] = flooded[1];
  const goodput = Number(answered) / Number(flooded[0][0]);
  sections.push(`## Overload\n\nFour times what can be sustained, from 8 clients, for ${flooded[0][0]} s.\n\n${table(['what', 'value'], [
    ['sustained, pictures a second', sustained[0][0]],
    ['p99 of one at a time, ms', sustained[1][0]],
    ['a page of 64 cold pictures for one client: answered, refused, ms', page[0].join(', ')],
    ['answered a second while flooded', `${goodput.toFixed(1)} (${ratio(goodput, sustained[0][0])})`],
    ['p50, p99 and most of answers, ms', `${p50}, ${p99}, ${most}`],
    ['refused (429 of them), p99 in ms', `${refused} (${limited}), ${refusedP99}`],
    ['failed otherwise', other],
    ['ms until one picture is as quick again', calm[0][0]],
  ])}`);
}
section('slow', 'A slow origin', 'At 0.7 of what can be sustained; the nine in ten that the origin answers at once.', ['origin', 'answered a second', 'p50, p99, most ms', 'refused', 'failed'],
  ({ row, values: [[seconds], [answered, p50, p99, most, refused, , , other]] }) => [row, (Number(answered) / Number(seconds)).toFixed(1), `${p50}, ${p99}, ${most}`, refused, other]);

/** One line for each row, which the README shows. */
function inShort() {
  const servers = ['tintype', 'oximg', 'ipx', 'next', 'nginx'].filter((name) => results.some(({ server }) => server === name));
  const cell = ({ part, values: [rate, , more] }) =>
    part === 'cold' ? `${count(Number(rate[0]))}/s, ${count(Number(more[3]))} B, ${more[4]}` : `${count(Number(rate[0]))}/s`;
  const rows = ['cold', 'hits'].flatMap((part) => rowsOf(part).map((row) => {
    const found = servers.map((server) => of(part).find((result) => result.row === row && result.server === server));
    return [row, ...found.map((result) => (result ? cell(result) : ''))];
  }));
  return `## In short\n\nAnswers a second; of cold pictures also their mean bytes and SSIMULACRA2.\n\n${table(['', ...servers], rows)}`;
}

const versions = ['tintype', 'oximg', 'ipx', 'next', 'nginx'].filter((name) => name === 'tintype' || results.some(({ server }) => server === name));
const intro = `# Results of benches/compare

${machine.rounds} rounds of ${machine.seconds} s, A B A B, medians; ${machine.cores} ${machine.processor} cores shared by servers and clients; load average
${machine.load}. tintype: ${machine.profile}. Versions: ${versions.map((name) => `${name} ${machine[name]}`).join(', ')}.
“tintype is 1.30x” means that tintype makes 1.30 times as many.`;
writeFileSync(`${folder}/results.md`, `${[intro, inShort(), ...sections].join('\n\n')}\n`);

/** Bars of each row beside the row's best: rates of one row say nothing about another's. */
function chart() {
  const bars = 240, left = 250, height = 16;
  const groups = [...rowsOf('cold').map((row) => ['cold', row]), ...rowsOf('hits').map((row) => ['hits', row])];
  const parts = [];
  let y = 54;
  for (const [part, row] of groups) {
    const members = of(part).filter((result) => result.row === row);
    const best = Math.max(...members.map(({ values }) => Number(values[0][0])));
    parts.push(`<text x="16" y="${y + 12}">${row}</text>`);
    for (const { server, values } of members) {
      const rate = Number(values[0][0]);
      const note = part === 'cold' ? `/s · ${count(Number(values[2][3]))} B · ${values[2][4]}` : '/s';
      const width = Math.max(1, (rate / best) * bars).toFixed(1);
      parts.push(`<text x="${left - 8}" y="${y + 12}" text-anchor="end" class="name">${server}</text>`);
      parts.push(`<rect x="${left}" y="${y + 1}" width="${width}" height="${height - 3}" class="${server === 'tintype' ? 'ours' : 'theirs'}"/>`);
      parts.push(`<text x="${left + Number(width) + 6}" y="${y + 12}" class="name">${count(rate)}${note}</text>`);
      y += height;
    }
    y += 10;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 ${y + 6}" width="680" height="${y + 6}" role="img" aria-label="Answers a second of tintype and its peers">
<style>
text { font: 12px system-ui, sans-serif; fill: #1f2328 } .title { font-size: 14px; font-weight: 600 } .name { fill: #59636e } .ours { fill: #0f766e } .theirs { fill: #b6bec8 } .back { fill: #fff }
@media (prefers-color-scheme: dark) { text { fill: #f0f6fc } .name { fill: #9198a1 } .ours { fill: #2dd4bf } .theirs { fill: #4d5661 } .back { fill: #0d1117 } }
</style>
<rect class="back" width="100%" height="100%" rx="8"/>
<text x="16" y="26" class="title">Answers a second, ${machine.cores} cores</text>
<text x="16" y="42" class="name">Cold pictures with their mean bytes and SSIMULACRA2; hits beside a static file.</text>
${parts.join('\n')}
</svg>
`;
}
if (rowsOf('cold').length || rowsOf('hits').length) writeFileSync(`${folder}/results.svg`, chart());
console.log(readFileSync(`${folder}/results.md`, 'utf8'));
