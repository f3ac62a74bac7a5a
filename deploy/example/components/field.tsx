import { useId } from 'react';

interface FieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  fault?: string | undefined;
  hint?: string | undefined;
  placeholder?: string | undefined;
  isRequired?: boolean;
  hasLines?: boolean;
}

/** A text with its label, and beside it what is wrong. */
export function Field({ label, value, onChange, fault, hint, placeholder, isRequired, hasLines }: FieldProps) {
  const id = useId();
  const told = [hint && `${id}-hint`, fault && `${id}-fault`].filter(Boolean).join(' ');
  const common = {
    id,
    value,
    placeholder,
    onChange: (event: { target: { value: string } }) => onChange(event.target.value),
    'aria-required': isRequired,
    'aria-invalid': Boolean(fault),
    'aria-describedby': told || undefined,
    autoComplete: 'off',
  };
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {hasLines ? <textarea rows={3} {...common} /> : <input type="text" {...common} />}
      {hint && <p className="hint" id={`${id}-hint`}>{hint}</p>}
      <Fault id={`${id}-fault`} text={fault} />
    </div>
  );
}

/** What is wrong; there before it is filled, so that it is read out. */
export function Fault({ id, text }: { id?: string; text: string | null | undefined }) {
  return <p className="fault" id={id} role="alert">{text}</p>;
}
