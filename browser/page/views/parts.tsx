/** Small parts that several views share. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import type { PeerKey } from '../../../node/protocol/ids.ts';
import type { Explanation } from '../../../node/runtime/why.ts';
import type { Fact } from '../model/touch.ts';
import { peerName, sentence, shortPeerName } from '../model/words.ts';
import { useSelfName } from './kind.ts';

export function Panel(props: {
  readonly title: string;
  readonly id?: string;
  readonly aside?: ComponentChildren;
  readonly class?: string;
  readonly children: ComponentChildren;
}): JSX.Element {
  const heading = `${props.id ?? props.title.toLowerCase().replaceAll(/\W+/g, '-')}-title`;
  return (
    <section class={`panel ${props.class ?? ''}`} aria-labelledby={heading}>
      <div class="panel-head">
        <h2 id={heading}>{props.title}</h2>
        {props.aside}
      </div>
      {props.children}
    </section>
  );
}

export function PeerTag({ peer, self }: { readonly peer: PeerKey; readonly self?: PeerKey | undefined }): JSX.Element {
  const selfName = useSelfName();
  return (
    <span class="peer" title={peerName(peer)}>
      {peer === self ? selfName : shortPeerName(peer)}
    </span>
  );
}

export function Progress({
  done,
  all,
  label,
}: {
  readonly done: number;
  readonly all: number;
  readonly label: string;
}) {
  return (
    <progress class="bar" value={done} max={Math.max(1, all)} aria-label={label}>
      {label}
    </progress>
  );
}

export function Reasons({ reasons }: { readonly reasons: readonly Explanation[] }): JSX.Element | null {
  if (reasons.length === 0) return null;
  return (
    <ul class="reasons">
      {reasons.map(({ text, advice }) => (
        <li key={text}>
          {sentence(text)}
          {advice !== undefined && <span class="advice"> {sentence(advice)}</span>}
        </li>
      ))}
    </ul>
  );
}

export function Facts({ facts }: { readonly facts: readonly Fact[] }): JSX.Element {
  return (
    <dl class="facts">
      {facts.map(({ name, value, note, isCode }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {isCode === true ? <code class="value">{value}</code> : <span class="value">{value}</span>}
            {note !== undefined && <span class="note">{note}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

export function CopyButton(props: {
  readonly text: string;
  readonly what: string;
  readonly isLarge?: boolean;
}): JSX.Element {
  const { text, what, isLarge = false } = props;
  const usual = isLarge ? 'Copy link' : 'Copy';
  const said = useSignal(usual);
  const copy = async (): Promise<void> => {
    // A browser may forbid it; the text stands beside the button and can be copied by hand.
    said.value = await navigator.clipboard.writeText(text).then(
      () => 'Copied',
      () => 'Not allowed here',
    );
    setTimeout(() => {
      said.value = usual;
    }, 1_500);
  };
  return (
    <button
      type="button"
      class={isLarge ? 'primary large' : 'small'}
      onClick={() => void copy()}
      // What is seen comes first: who speaks to the page says what is written on the button.
      aria-label={`${said.value}: ${what}`}
    >
      <span aria-live="polite">{said.value}</span>
    </button>
  );
}
