/** Lets files be dropped anywhere on the page, and says so while they are over it. The fields do the same by hand. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

export function DropArea(props: {
  /** What may be dropped here, in a few words. */
  readonly text: string;
  readonly onFiles: (files: readonly File[]) => void;
}): JSX.Element | null {
  const isOver = useSignal(false);
  const latest = useRef(props.onFiles);
  latest.current = props.onFiles;
  useEffect(() => {
    const over = (event: DragEvent): void => {
      if (event.dataTransfer?.types.includes('Files') !== true) return;
      // Otherwise the browser opens the file instead of this page.
      event.preventDefault();
      event.dataTransfer.dropEffect = 'copy';
      isOver.value = true;
    };
    const left = (event: DragEvent): void => {
      if (event.relatedTarget === null) isOver.value = false;
    };
    const dropped = (event: DragEvent): void => {
      isOver.value = false;
      const files = [...(event.dataTransfer?.files ?? [])];
      if (files.length === 0) return;
      event.preventDefault();
      latest.current(files);
    };
    addEventListener('dragover', over);
    addEventListener('dragleave', left);
    addEventListener('drop', dropped);
    return () => {
      removeEventListener('dragover', over);
      removeEventListener('dragleave', left);
      removeEventListener('drop', dropped);
    };
  }, [isOver]);
  if (!isOver.value) return null;
  return (
    <div class="drop-area" aria-hidden="true">
      <p>{props.text}</p>
    </div>
  );
}
