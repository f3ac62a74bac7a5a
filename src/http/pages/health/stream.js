// Server-Sent Events by fetch: an EventSource can send no key.

/** Milliseconds before the first further try, and the longest. */
const FIRST = 1000;
const LONGEST = 15_000;

/** An answer that no further try makes better. */
export class Refused extends Error {}

/** Asks with the key; throws Refused where it is the key that is wrong. */
export async function ask(path, key, signal) {
  const headers = key ? { authorization: `Bearer ${key}` } : {};
  const answer = await fetch(path, { headers, signal, cache: 'no-store', credentials: 'omit' });
  if (answer.status === 401 || answer.status === 403) throw new Refused('This is no service key of this server, or it has expired.');
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.detail ?? problem.message ?? `the server answered ${answer.status}`);
  }
  return answer;
}

/** Yields {event, data} of a body until it ends. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: ?(.*)/s)));
      if (fields.data) yield { event: fields.event, data: JSON.parse(fields.data) };
    }
  }
}

const pause = (time, signal) => new Promise((resolve) => {
  const timer = setTimeout(resolve, time);
  signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
});

/**
 * Listens until `signal` says stop or the key is refused; a lost connection is opened again.
 * `told`: {opened(), event(name, data), lost(reason)}.
 */
export async function listen(path, key, signal, told) {
  let wait = FIRST;
  while (!signal.aborted) {
    let reason = 'The connection is lost';
    try {
      const { body } = await ask(path, key, signal);
      await told.opened();
      for await (const { event, data } of events(body)) {
        wait = FIRST;
        told.event(event, data);
      }
    } catch (fault) {
      if (fault instanceof Refused) throw fault;
      if (!(fault instanceof TypeError)) reason = fault.message;
    }
    if (signal.aborted) return;
    told.lost(reason);
    await pause(wait, signal);
    wait = Math.min(wait * 2, LONGEST);
  }
}
