import Image from 'next/image';
import { Avatar } from './avatar';
import { SOURCES } from '../pictures';

export default function Page() {
  return (
    <main>
      {SOURCES.map((src) => <Image key={src} src={src} width={180} height={120} alt="" />)}
      <Avatar />
    </main>
  );
}
