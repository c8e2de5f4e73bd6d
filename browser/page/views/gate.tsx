/** Before there is anything to show: connecting, nobody there, or no token that opens. */

import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { keepToken, tokenIn } from '../daemon/token.ts';
import type { ViewProps } from './app.tsx';

export function Gate({ state }: ViewProps): JSX.Element {
  const connection = state.connection.value;
  if (connection.state === 'refused') return <TokenForm isWrong={connection.why === 'wrong'} />;
  if (connection.state === 'lost') {
    return (
      <section class="gate" role="status">
        <h1>The peer does not answer</h1>
        <p>
          It may have stopped, or been started again at another address. This page keeps trying. In a terminal,{' '}
          <code>shoal up</code> starts a peer and <code>shoal dashboard</code> prints the address of one that runs.
        </p>
      </section>
    );
  }
  return (
    <section class="gate" role="status">
      <div class="spinner" aria-hidden="true" />
      <h1>Connecting to your peer</h1>
      <p>Asking the peer on this machine what it is doing.</p>
    </section>
  );
}

function TokenForm({ isWrong }: { readonly isWrong: boolean }): JSX.Element {
  const typed = useSignal('');
  const problem = useSignal<string | undefined>(undefined);
  const open = (event: Event): void => {
    event.preventDefault();
    const token = tokenIn(typed.value);
    if (token === undefined) {
      problem.value = 'That is no address of a dashboard: expected one that ends in #token= and 64 characters.';
      return;
    }
    keepToken(token, sessionStorage);
    location.reload();
  };
  return (
    <section class="gate">
      <h1>{isWrong ? 'This token does not open the peer' : 'This peer wants to know that you are its owner'}</h1>
      <p>
        {isWrong
          ? 'The token in the address belongs to another peer, or to one that was set up anew.'
          : 'Its control page opens with a token that only your account on this machine can read.'}{' '}
        In a terminal, <code>shoal dashboard</code> prints the full address. Open that, or paste it here.
      </p>
      <form onSubmit={open} class="token-form">
        <label for="token">Address of the dashboard</label>
        <div class="row">
          <input
            id="token"
            type="password"
            autocomplete="off"
            spellcheck={false}
            value={typed.value}
            aria-describedby={problem.value === undefined ? undefined : 'token-problem'}
            onInput={(event) => {
              typed.value = event.currentTarget.value;
            }}
          />
          <button type="submit" class="primary">
            Open
          </button>
        </div>
        {problem.value !== undefined && (
          <p id="token-problem" class="problem" role="alert">
            {problem.value}
          </p>
        )}
      </form>
    </section>
  );
}
