/** What stands around every view of the tab before it computes. */
import type { ComponentChildren, JSX } from 'preact';
import { Mark } from '../views/app.tsx';

export function Frame(props: {
  /** Of the network, once it is known. */
  readonly network?: string | undefined;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <>
      <header class="top">
        <span class="brand">
          <Mark />
          <span class="brand-text">
            <strong>Shoal</strong>
            <span class="brand-network">{props.network ?? 'volunteer compute'}</span>
          </span>
        </span>
        <div class="top-end">{props.aside}</div>
      </header>
      <main id="main" tabIndex={-1}>
        {props.children}
      </main>
      <footer>
        <p>
          Shoal is free software. Peers compute for each other and check each other; there is no coordinator. This page
          loads nothing from anywhere else and measures nobody.
        </p>
      </footer>
    </>
  );
}
