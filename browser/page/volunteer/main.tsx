/** The volunteer tab: finds its network, becomes a peer of it, and shows what that does. */
import { render } from 'preact';
import { type BrowserGlobals, checkRequirements } from '../../peer/requirements.ts';
import { hashWithInvitation, routeOf } from '../model/route.ts';
import { findInvitation, isInvitation } from './find-invitation.ts';
import { Memory } from './memory.ts';
import { VolunteerSession } from './session.ts';
import { VolunteerApp } from './volunteer-app.tsx';

/** From package.json, put in by the build. */
declare const SHOAL_VERSION: string;

const memory = new Memory(
  () => localStorage,
  () => sessionStorage,
);
/** The invitation that stays in the address while views change; undefined where the site itself names the network. */
let invitation: string | undefined;

const session = new VolunteerSession({
  memory,
  coresMax: Math.max(1, navigator.hardwareConcurrency),
  hash: () => location.hash,
  checkBrowser: () => checkRequirements(globalThis as unknown as BrowserGlobals),
  find: () =>
    findInvitation({
      hash: location.hash,
      siteUrl: new URL('network.json', location.href),
      fetch: (url, init) => fetch(url, init),
      remembered: memory.network,
    }),
  async open(options) {
    const { openPeer } = await import('./open-peer.ts');
    return openPeer({ ...options, version: SHOAL_VERSION }, memory.local);
  },
  pageUrl: () => new URL('./', location.href).href,
  showInvitation(fragment) {
    invitation = fragment;
    keepInvitation();
  },
});

function keepInvitation(): void {
  if (invitation === undefined) return;
  history.replaceState(history.state, '', hashWithInvitation(invitation, routeOf(location.hash)));
}

addEventListener('hashchange', () => {
  // The skip link moves the focus and nothing else.
  if (location.hash === '#main') {
    keepInvitation();
    return;
  }
  const isForeign = isInvitation(location.hash) && !location.hash.startsWith(`#${invitation}`);
  // Another invitation, pasted into this tab: it starts anew with that one.
  if (isForeign) {
    location.reload();
    return;
  }
  const stage = session.stage.value;
  if (stage.name === 'running' || stage.name === 'ready') stage.state.route.value = routeOf(location.hash);
  keepInvitation();
});

render(<VolunteerApp session={session} />, document.getElementById('page')!);
void session.begin();
