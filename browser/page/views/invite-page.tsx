/** Brings others here: a link to copy and a code for a telephone, and who can use them. */
import type { JSX } from 'preact';
import { reachOf } from '../model/reach.ts';
import type { ViewProps } from './app.tsx';
import { CopyButton, Panel } from './parts.tsx';
import { QrCode } from './qr-code.tsx';

export function InvitePage({ state }: ViewProps): JSX.Element {
  const url = state.inviteUrl;
  return (
    <>
      <section class="page-head">
        <h1 tabIndex={-1}>Invite others</h1>
        <p class="purpose">
          Whoever opens this link sees what the network works on, and joins with one button: nothing to install, no
          account. Every volunteer more is a second opinion for somebody’s result.
        </p>
      </section>
      {url === undefined ? <NoLink kind={state.source.kind} /> : <Link url={url} />}
    </>
  );
}

function Link({ url }: { readonly url: string }): JSX.Element {
  const reach = reachOf(url);
  return (
    <Panel title="Invitation" class="invite">
      <div class="invite-code">
        <QrCode text={url} label="QR code of the invitation link" />
      </div>
      <div class="invite-text">
        {reach.warning !== undefined && <p class="banner">{reach.warning}</p>}
        <div class="field">
          <label for="invite-url">Link</label>
          <textarea
            id="invite-url"
            readOnly
            rows={4}
            spellcheck={false}
            onFocus={(event) => event.currentTarget.select()}
            value={url}
          />
        </div>
        <CopyButton text={url} what="the invitation link" isLarge />
        <p class="note">
          The part behind the # says where the network is. Browsers keep it to themselves: it is sent to no server.
        </p>
      </div>
    </Panel>
  );
}

function NoLink({ kind }: { readonly kind: 'daemon' | 'tab' }): JSX.Element {
  return (
    <Panel title="No link yet">
      <p class="empty">
        {kind === 'tab' ? (
          'This tab knows no address that others could join through.'
        ) : (
          <>
            This peer serves no page for volunteers. Start it with <code>shoal up --serve-volunteers</code>, and its
            link stands here. Beyond this machine that needs a certificate, since browsers give pages on plain http no
            cryptography.
          </>
        )}
      </p>
    </Panel>
  );
}
