import Image from 'next/image';
import type { AvatarStatus, UseAvatarGeneration } from 'tintype/react';

const STEPS: [AvatarStatus, string][] = [['generating', 'Paint'], ['downloading', 'Fetch'], ['uploading', 'Store'], ['completed', 'Done']];

/** The portrait, or how far it is. */
export function Plate({ avatar, url, name }: { avatar: UseAvatarGeneration; url: string | null; name: string }) {
  const { isGenerating, progress, fault } = avatar;
  const share = Math.round((progress?.progress ?? 0) * 100);
  const wait = fault?.retryAfter ? ` Try again in ${fault.retryAfter} s.` : '';
  return (
    <div className="plate" data-state={isGenerating ? progress?.status ?? 'asking' : fault ? 'error' : url ? 'completed' : 'empty'}>
      <div className="frame">
        {url
          ? <Image key={url} src={url} fill sizes="(max-width: 48rem) 92vw, 24rem" alt={`Portrait of ${name}`} loading="eager" />
          : <p className="quiet">{isGenerating ? '' : 'No portrait yet'}</p>}
        {isGenerating && <div className="veil" aria-hidden="true" />}
      </div>
      {isGenerating && (
        <>
          <progress max={100} value={share} aria-label="Progress of the portrait" />
          <ol className="steps" aria-hidden="true">
            {STEPS.map(([status, label]) => <li key={status} data-now={progress?.status === status}>{label}</li>)}
          </ol>
        </>
      )}
      <p role="status" className="told">{isGenerating ? progress?.message ?? 'Asking for a portrait…' : ''}</p>
      <p role="alert" className="fault">{fault ? `${fault.message.replace(/[.]?$/, '.')}${wait}` : ''}</p>
    </div>
  );
}
