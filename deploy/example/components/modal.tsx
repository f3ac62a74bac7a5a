import { useEffect, useRef, type ReactNode } from 'react';

interface ModalProps {
  title: string;
  children: ReactNode;
  /** Without it the dialog stays until its buttons end it. */
  onClose?: () => void;
}

/** A dialog that holds the focus while it is there. */
export function Modal({ title, children, onClose }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    return () => shown?.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby="dialog-title"
      onCancel={(event) => { event.preventDefault(); onClose?.(); }}
    >
      <h2 id="dialog-title">{title}</h2>
      {children}
    </dialog>
  );
}
