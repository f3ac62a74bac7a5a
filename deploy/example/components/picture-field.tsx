import { useId, useRef, useState, type FormEvent } from 'react';
import { readPicture, wordsOf, type Picture } from '../lib/checks';
import { Fault } from './field';

interface PictureFieldProps {
  label: string;
  action: string;
  hint: string;
  /** Throws what went wrong. */
  onSend: (picture: Picture) => Promise<void>;
}

/** Chooses one picture, looks at it, and sends it. */
export function PictureField({ label, action, hint, onSend }: PictureFieldProps) {
  const id = useId();
  const input = useRef<HTMLInputElement>(null);
  const [fault, setFault] = useState<string | null>(null);
  const [isSending, setSending] = useState(false);

  const look = async () => {
    const read = await readPicture(input.current?.files?.[0]);
    setFault(typeof read === 'string' ? read : null);
    return read;
  };

  const send = async (event: FormEvent) => {
    event.preventDefault();
    const read = await look();
    if (typeof read === 'string') {
      input.current?.focus();
      return;
    }
    setSending(true);
    try {
      await onSend(read);
      if (input.current) input.current.value = '';
    } catch (reason) {
      setFault(wordsOf(reason));
    }
    setSending(false);
  };

  return (
    <form className="picture-field" onSubmit={send} noValidate>
      <label htmlFor={id}>{label}</label>
      <div className="row">
        <input
          ref={input} id={id} type="file" accept="image/png,image/jpeg,image/webp"
          aria-invalid={Boolean(fault)} aria-describedby={`${id}-hint ${id}-fault`}
          onChange={() => { void look(); }}
        />
        <button type="submit" disabled={isSending}>{isSending ? 'Sending…' : action}</button>
      </div>
      <p className="hint" id={`${id}-hint`}>{hint}</p>
      <Fault id={`${id}-fault`} text={fault} />
    </form>
  );
}
