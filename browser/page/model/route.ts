/** Which view of the page the address asks for. */
import type { JobId } from '../../../node/protocol/ids.ts';

export type Route = { readonly view: 'overview' | 'submit' | 'peer' } | { readonly view: 'job'; readonly job: JobId };

export function routeOf(hash: string): Route {
  const job = /^#job\/([0-9a-f]{64})$/.exec(hash)?.[1];
  if (job !== undefined) return { view: 'job', job: job as JobId };
  return { view: hash === '#submit' ? 'submit' : hash === '#peer' ? 'peer' : 'overview' };
}

export function hashOf(route: Route): string {
  return route.view === 'job' ? `#job/${route.job}` : `#${route.view}`;
}
