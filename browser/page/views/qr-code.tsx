/** A QR code as one SVG path. The library for it loads when a code is looked at. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';

const BORDER = 3;

export function QrCode({ text, label }: { readonly text: string; readonly label: string }): JSX.Element {
  const code = useSignal<{ readonly size: number; readonly path: string } | undefined>(undefined);
  useEffect(() => {
    let isWanted = true;
    void import('uqr').then(({ encode }) => {
      const { data } = encode(text, { ecc: 'L', border: BORDER });
      if (isWanted) code.value = { size: data.length, path: pathOf(data) };
    });
    return () => {
      isWanted = false;
    };
  }, [text, code]);
  if (code.value === undefined) return <div class="qr" role="status" aria-label="Drawing the code" />;
  const { size, path } = code.value;
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <path d={path} />
    </svg>
  );
}

/** Dark modules, a run of a row at a time. */
function pathOf(rows: readonly (readonly boolean[])[]): string {
  let path = '';
  for (const [y, row] of rows.entries()) {
    for (let x = 0; x < row.length; x++) {
      if (row[x] !== true) continue;
      let end = x;
      while (row[end] === true) end++;
      path += `M${x} ${y}h${end - x}v1h${x - end}z`;
      x = end;
    }
  }
  return path;
}
