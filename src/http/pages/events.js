// Server-Sent Events by fetch: an EventSource can send no key.

/** The server says at least every 15 s that it is there (milliseconds). */
const SILENCE = 40_000;

/** The next part of a stream; a connection that died without a word is silent. */
async function nextPart(reader) {
  let timer;
  const silence = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error('The connection is silent')), SILENCE); });
  try {
    return await Promise.race([reader.read(), silence]);
  } catch (fault) {
    reader.cancel().catch(() => {});
    throw fault;
  } finally {
    clearTimeout(timer);
  }
}

/** Yields { event, data } of each event of a body until it ends; `data` is text. */
export async function* eventsOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  for (let part = await nextPart(reader); !part.done; part = await nextPart(reader)) {
    const blocks = (text + part.value).split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const values = (name) =>
        block.split('\n').filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trimStart());
      const data = values('data');
      if (data.length) yield { event: values('event').at(-1), data: data.join('\n') };
    }
  }
}
