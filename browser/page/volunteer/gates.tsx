/** What the tab shows when it is not, not yet, or no longer a peer: why, and what to do. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import type { Invitation } from '../../../node/network/invitation.ts';
import type { EndReason } from '../../peer/compose.ts';
import { sentence } from '../model/words.ts';
import { readPasted } from './find-invitation.ts';
import { Frame } from './frame.tsx';
import type { Obstacle } from './session.ts';

export function OpeningPage({ isSearching }: { readonly isSearching: boolean }): JSX.Element {
  return (
    <Frame>
      <section class="gate" role="status">
        <div class="spinner" aria-hidden="true" />
        <h1>{isSearching ? 'Looking for the network' : 'Getting ready'}</h1>
        <p>
          {isSearching
            ? 'Reading which network this link belongs to.'
            : 'Finding this browser’s key, or making one if it has not been here before.'}
        </p>
      </section>
    </Frame>
  );
}

export function UninvitedPage(props: {
  readonly problem: string | undefined;
  readonly join: (invitation: Invitation) => void;
}): JSX.Element {
  const typed = useSignal('');
  const mistake = useSignal<string | undefined>(undefined);
  const submit = (event: Event): void => {
    event.preventDefault();
    try {
      props.join(readPasted(typed.value));
    } catch (error) {
      mistake.value =
        typed.value.trim() === ''
          ? 'Paste a link or an address first.'
          : error instanceof Error
            ? sentence(error.message)
            : String(error);
    }
  };
  return (
    <Frame>
      <section class="gate">
        <h1>{props.problem === undefined ? 'You need an invitation' : 'This invitation cannot be used'}</h1>
        {props.problem === undefined ? (
          <p>
            Shoal has no central server, so this page must be told where a network is. Somebody who runs a peer can give
            you a link: on their dashboard it is under “Invite”.
          </p>
        ) : (
          <>
            <p>It may have been damaged on its way here, or copied only in part.</p>
            <p class="problem" role="alert">
              {sentence(props.problem.replace(/^this invitation cannot be used: /i, ''))}
            </p>
          </>
        )}
        <form onSubmit={submit} class="token-form" noValidate>
          <label for="invitation">Invitation link, or the address of a peer</label>
          <div class="row">
            <input
              id="invitation"
              type="text"
              inputMode="url"
              autocomplete="off"
              spellcheck={false}
              placeholder="https://…#at=…  or  /dns4/…/tcp/443/wss/p2p/12D3Koo…"
              value={typed.value}
              aria-invalid={mistake.value !== undefined}
              aria-describedby={mistake.value === undefined ? 'invitation-hint' : 'invitation-problem'}
              onInput={(event) => {
                typed.value = event.currentTarget.value;
                mistake.value = undefined;
              }}
            />
            <button type="submit" class="primary">
              Join
            </button>
          </div>
          {mistake.value === undefined ? (
            <span id="invitation-hint" class="note">
              Nothing is computed before you press “Start computing”.
            </span>
          ) : (
            <span id="invitation-problem" class="problem" role="alert">
              {mistake.value}
            </span>
          )}
        </form>
      </section>
    </Frame>
  );
}

const TITLES: Readonly<Record<string, string>> = {
  'insecure-context': 'A page on plain http cannot take part',
  'no-ed25519': 'This browser cannot sign its work',
  'browser-too-old': 'This browser lacks something a peer needs',
  'storage-refused': 'This browser keeps nothing for this page',
  'storage-newer': 'A newer version of this page has been here',
  'too-many-tabs': 'Enough tabs are volunteering already',
  'address-refused': 'This page cannot reach that network',
};

export function ImpossiblePage({ obstacle }: { readonly obstacle: Obstacle }): JSX.Element {
  return (
    <Frame>
      <section class="gate" role="alert" data-code={obstacle.code}>
        <h1>{TITLES[obstacle.code] ?? 'The peer could not be started'}</h1>
        <p>{sentence(obstacle.message)}</p>
        <p>Nothing was started, and nothing runs on this machine.</p>
        <div class="row">
          <button type="button" onClick={() => location.reload()}>
            Try again
          </button>
        </div>
      </section>
    </Frame>
  );
}

const ENDS: Readonly<Record<EndReason, readonly [title: string, text: string]>> = {
  stopped: ['You have left the network', 'This tab has said goodbye, and its work was handed to others.'],
  'page-left': [
    'This tab had left the network',
    'It said goodbye when the page was left, and others took over its work.',
  ],
  'storage-lost': [
    'This tab had to stop',
    'The browser took away what the tab had stored: somebody cleared the data of this site, or a newer version of the page is open. A peer that forgets what it has said must not go on, so it left the network.',
  ],
};

export function EndedPage({ reason, again }: { readonly reason: EndReason; readonly again: () => void }): JSX.Element {
  const [title, text] = ENDS[reason];
  return (
    <Frame>
      <section class="gate" role="alert">
        <h1>{title}</h1>
        <p>{text}</p>
        <div class="row">
          <button type="button" class="primary" onClick={again}>
            Start again
          </button>
        </div>
      </section>
    </Frame>
  );
}
