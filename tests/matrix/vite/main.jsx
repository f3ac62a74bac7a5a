import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { srcSet } from 'tintype';
import loader from 'tintype/loader';
import { Generation } from './generation.js';
import { PICTURES, SOURCES } from './pictures.js';

function Picture({ src, width, height, alt = '' }) {
  const widths = [256, 384];
  return <img src={loader({ src, width: 256 })} srcSet={srcSet({ src, widths, loader })} sizes={`${width}px`} width={width} height={height} alt={alt} />;
}

createRoot(document.getElementById('root')).render(
  <StrictMode>
    {SOURCES.map((src) => <Picture key={src} src={src} width={180} height={120} />)}
    <Generation base={PICTURES} draw={(url) => <Picture src={url} width={180} height={180} alt="avatar" />} />
  </StrictMode>,
);
