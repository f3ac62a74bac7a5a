// What was dropped: files, and folders with everything in them under the names that they have there.

/** Most files of one drop: more are for the command line. */
export const MOST = 10_000;
/** What systems put beside people's files. */
const BESIDE = new Set(['.DS_Store', 'Thumbs.db', 'desktop.ini']);

/** Files of a picker, one of folders too, as [{path, file}]. */
export const chosen = (files) => fewer([...files].map((file) => ({ path: file.webkitRelativePath || file.name, file })));

/** Files of a drop as [{path, file}]. Has to be called before the event is over. `found`: told how many there are so far. */
export function dropped(transfer, found) {
  const entries = [...transfer.items].filter((item) => item.kind === 'file').map((item) => item.webkitGetAsEntry?.());
  return entries.some((entry) => entry?.isDirectory) ? walk(entries.filter(Boolean), found) : Promise.resolve(chosen(transfer.files));
}

async function walk(waiting, found) {
  const files = [];
  while (waiting.length && files.length <= MOST) {
    const entry = waiting.shift();
    if (entry.isDirectory) waiting.push(...await inside(entry));
    else files.push({ path: entry.fullPath.replace(/^\//, ''), file: await new Promise((resolve, reject) => { entry.file(resolve, reject); }) });
    found(files.length);
  }
  return fewer(files);
}

/** A folder is told of in parts, the last of which is empty. */
async function inside(folder) {
  const [reader, all] = [folder.createReader(), []];
  for (;;) {
    const part = await new Promise((resolve, reject) => { reader.readEntries(resolve, reject); });
    if (!part.length) return all.sort((one, other) => (one.name < other.name ? -1 : 1));
    all.push(...part);
  }
}

function fewer(files) {
  const wanted = files.filter(({ file }) => !BESIDE.has(file.name));
  if (wanted.length > MOST) throw new Error(`These are more than ${MOST.toLocaleString('en')} files. Drop fewer, or use tintype upload.`);
  return wanted;
}
