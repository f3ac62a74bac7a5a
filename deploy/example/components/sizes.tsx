import Image from 'next/image';
import { useState } from 'react';

const SIZES: [number, string][] = [[144, 'Profile'], [72, 'List'], [36, 'Comment']];

/** One object at three sizes: next/image chooses a width for the display, and tintype makes it. */
export function Sizes({ url, name }: { url: string; name: string }) {
  return (
    <section className="sizes" aria-label="The portrait at three sizes">
      {SIZES.map(([side, use]) => <Size key={`${side} ${url}`} side={side} use={use} url={url} name={name} />)}
    </section>
  );
}

function Size({ side, use, url, name }: { side: number; use: string; url: string; name: string }) {
  const [width, setWidth] = useState<string | null>(null);
  return (
    <figure>
      <Image
        src={url} width={side} height={side} alt={`${name}, ${side} pixels wide`} loading="eager"
        onLoad={({ currentTarget }) => setWidth(new URL(currentTarget.currentSrc).searchParams.get('width'))}
      />
      <figcaption>{use}<br /><span className="quiet">{width ? `${width} px` : '…'}</span></figcaption>
    </figure>
  );
}
