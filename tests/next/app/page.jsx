import Image from 'next/image';
import { PICTURES } from '../images.config.js';

export default function Page() {
  return (
    <main>
      <div style={{ position: 'relative', height: 320 }}>
        <Image id="preloaded" src="/photos/nagasaki-boats.jpg" fill sizes="100vw" preload alt="Boats at Nagasaki" style={{ objectFit: 'cover' }} />
      </div>
      <div style={{ display: 'flex', gap: 16, padding: 16 }}>
        <Image id="fixed" src="/photos/coffee-cup.png" width={180} height={120} alt="A cup of coffee" />
        <Image id="transparent" src="/photos/avatar-robot.png" width={120} height={120} alt="A drawn robot" />
        <Image id="absolute" src={`${PICTURES}/storage/v1/object/public/photos/eileen-collins.png`} width={120} height={120} alt="Eileen Collins" />
      </div>
      <div style={{ position: 'relative', width: '50vw', height: 300 }}>
        <Image id="filling" src="/photos/hubble-deep-field.jpg" fill sizes="50vw" alt="The Hubble deep field" style={{ objectFit: 'cover' }} />
      </div>
      <div style={{ height: '150vh' }} />
      <Image id="lazy" src="/photos/lake-at-dusk.webp" width={240} height={160} alt="A lake at dusk" />
    </main>
  );
}
