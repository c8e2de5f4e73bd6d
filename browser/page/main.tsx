/** The page of a daemon: takes its token, follows the daemon, and shows it. */
import { render } from 'preact';
import { DaemonSource } from './daemon/daemon-source.ts';
import { takeToken, tokenIn } from './daemon/token.ts';
import { routeOf } from './model/route.ts';
import { PageState } from './state.ts';
import { App } from './views/app.tsx';

const token = takeToken({ location, history, storage: sessionStorage });
const state = new PageState(new DaemonSource(token), location.hash);
addEventListener('hashchange', () => {
  // The address of a dashboard, pasted into a tab that shows one already: it starts anew with that token.
  if (tokenIn(location.hash) !== undefined) location.reload();
  // The skip link moves the focus and nothing else.
  if (location.hash !== '#main') state.route.value = routeOf(location.hash);
});
render(<App state={state} />, document.getElementById('page')!);
