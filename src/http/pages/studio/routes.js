// Where in the page somebody is: the part of the address after the hash, so that back and forward work.

/** {view, bucket, folder, open} of the address: `#/objects/{bucket}/{folder/}`, `#/avatars/{user}`, `#/jobs` … */
export function here() {
  const [view = '', ...rest] = location.hash.replace(/^#\/?/, '').split('/').map((part) => {
    try {
      return decodeURIComponent(part);
    } catch {
      return part;
    }
  });
  const [first = '', ...deeper] = rest;
  return { view: view || 'objects', first, rest: deeper.filter(Boolean).map((part) => `${part}/`).join('') };
}

export const to = (view, ...names) => `#/${[view, ...names].filter((name) => name !== undefined && name !== '').map((name) => String(name).replace(/\/$/, '').split('/').map(encodeURIComponent).join('/')).join('/')}`;

export function go(...names) {
  location.hash = to(...names);
}
