/**
 * Which view of the page the address asks for. A dashboard's fragment is the view alone (`#peer`). A volunteer tab
 * keeps its invitation in there too, so that a reload or a copied address still joins: `#at=…&network=…&view=peer`.
 */
import type { JobId } from '../../../node/protocol/ids.ts';

export type Route =
  | { readonly view: 'overview' | 'submit' | 'peer' | 'invite' }
  | { readonly view: 'job'; readonly job: JobId };

export function routeOf(hash: string): Route {
  const name = nameIn(hash.replace(/^#/, ''));
  const job = /^job\/([0-9a-f]{64})$/.exec(name)?.[1];
  if (job !== undefined) return { view: 'job', job: job as JobId };
  return { view: name === 'submit' || name === 'peer' || name === 'invite' ? name : 'overview' };
}

export function hashOf(route: Route): string {
  return `#${nameOf(route)}`;
}

/** As `hashOf`, with the invitation (a fragment without its `#`) before the view. */
export function hashWithInvitation(invitation: string, route: Route): string {
  return route.view === 'overview' ? `#${invitation}` : `#${invitation}&view=${nameOf(route)}`;
}

function nameOf(route: Route): string {
  return route.view === 'job' ? `job/${route.job}` : route.view;
}

function nameIn(fragment: string): string {
  return fragment.includes('=') ? (new URLSearchParams(fragment).get('view') ?? '') : fragment;
}
