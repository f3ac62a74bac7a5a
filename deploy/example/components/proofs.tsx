import type { SupabaseClient } from '@supabase/supabase-js';
import { useCallback, useEffect, useState } from 'react';
import { bytesInWords, wordsOf } from '../lib/checks';
import { addProof, linkTo, LINK_SECONDS, listProofs, removeProof, type Link, type Proof } from '../lib/proofs';
import { useLoaded } from '../lib/use-loaded';
import type { User } from '../lib/users';
import { Fault } from './field';
import { Modal } from './modal';
import { PictureField } from './picture-field';

/** Private pictures: listed, sent, and seen by links that end. */
export function Proofs({ supabase, user }: { supabase: SupabaseClient; user: User }) {
  const { data: proofs, fault, reload } = useLoaded(useCallback(() => listProofs(supabase, user.id), [supabase, user.id]));
  const [viewed, setViewed] = useState<{ proof: Proof; link: Link } | null>(null);
  const [doomed, setDoomed] = useState<Proof | null>(null);
  const [wrong, setWrong] = useState<string | null>(null);

  const act = async (doing: () => Promise<void>) => {
    setWrong(null);
    await doing().catch((reason: unknown) => setWrong(wordsOf(reason)));
  };
  const view = (proof: Proof) => act(async () => setViewed({ proof, link: await linkTo(supabase, proof) }));
  const remove = (proof: Proof) => act(async () => {
    setDoomed(null);
    await removeProof(supabase, proof);
    await reload();
  });

  return (
    <section className="proofs" aria-label="Proofs">
      <h2>Proofs</h2>
      <p className="quiet">Only {user.name} sees these, by links that end after {LINK_SECONDS} seconds.</p>
      <PictureField
        label="Add a proof" action="Upload" hint="PNG, JPEG or WebP, up to 5 MB."
        onSend={async (picture) => { await addProof(supabase, user.id, picture); await reload(); }}
      />
      <Fault text={wrong ?? fault} />
      {proofs?.length === 0 && <p className="quiet">None yet.</p>}
      <ul>
        {proofs?.map((proof) => (
          <li key={proof.path}>
            <span className="name">{proof.name}</span>
            <span className="quiet">{bytesInWords(proof.bytes)}</span>
            <button aria-label={`View ${proof.name}`} onClick={() => { void view(proof); }}>View</button>
            <button aria-label={`Delete ${proof.name}`} className="danger" onClick={() => setDoomed(proof)}>Delete</button>
          </li>
        ))}
      </ul>
      {doomed && (
        <Modal title={`Delete ${doomed.name}?`} onClose={() => setDoomed(null)}>
          <p>There is no way back.</p>
          <div className="row">
            <button className="danger" onClick={() => { void remove(doomed); }}>Delete</button>
            <button onClick={() => setDoomed(null)}>Keep it</button>
          </div>
        </Modal>
      )}
      {viewed && <Viewer {...viewed} onClose={() => setViewed(null)} onRenew={() => { void view(viewed.proof); }} />}
    </section>
  );
}

interface ViewerProps {
  proof: Proof;
  link: Link;
  onClose: () => void;
  onRenew: () => void;
}

function Viewer({ proof, link, onClose, onRenew }: ViewerProps) {
  const left = useSecondsUntil(link.endsAt);
  return (
    <Modal title={proof.name} onClose={onClose}>
      {/* Signed for one width: there is nothing for a loader to choose. */}
      <img className="proof" src={link.shown} alt={`Proof ${proof.name}`} />
      {left > 0
        ? <p><a href={link.original} target="_blank" rel="noreferrer">Open the original</a> <span className="quiet">This link ends in {left} s.</span></p>
        : <p>The link has ended. <button onClick={onRenew}>Make a new one</button></p>}
      <div className="row"><button className="primary" onClick={onClose}>Close</button></div>
    </Modal>
  );
}

function useSecondsUntil(end: number): number {
  const seconds = () => Math.max(0, Math.ceil((end - Date.now()) / 1000));
  const [left, setLeft] = useState(seconds);
  useEffect(() => {
    setLeft(seconds());
    const timer = setInterval(() => setLeft(seconds()), 1000);
    return () => clearInterval(timer);
  }, [end]);
  return left;
}
