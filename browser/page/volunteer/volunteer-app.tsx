/** The volunteer tab by its stage: looking for the network, the one button, the running peer, the end. */
import type { JSX } from 'preact';
import { App } from '../views/app.tsx';
import { EndedPage, ImpossiblePage, OpeningPage, UninvitedPage } from './gates.tsx';
import { JoinPage } from './join-page.tsx';
import type { VolunteerSession } from './session.ts';

export function VolunteerApp({ session }: { readonly session: VolunteerSession }): JSX.Element {
  const stage = session.stage.value;
  switch (stage.name) {
    case 'searching':
    case 'opening':
      return <OpeningPage isSearching={stage.name === 'searching'} />;
    case 'uninvited':
      return <UninvitedPage problem={stage.problem} join={(invitation) => void session.join(invitation)} />;
    case 'impossible':
      return <ImpossiblePage obstacle={stage.obstacle} />;
    case 'ready':
      return <JoinPage session={session} joined={stage} />;
    case 'running':
      return <App state={stage.state} />;
    case 'ended':
      return <EndedPage reason={stage.reason} again={() => void session.begin()} />;
    default:
      return unreachable(stage);
  }
}

function unreachable(stage: never): never {
  throw new Error(`no view for ${JSON.stringify(stage)}`);
}
