'use client';

import Image from 'next/image';
import { Generation } from '../generation';
import { PICTURES } from '../pictures';

export function Avatar() {
  return <Generation base={PICTURES} draw={(url) => <Image src={url} width={180} height={180} alt="avatar" />} />;
}
