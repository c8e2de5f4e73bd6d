/** The peers this one knows. */
import type { JSX } from 'preact';
import { useContext } from 'preact/hooks';
import type { PeerRow, PeerView } from '../../../node/protocol/view.ts';
import { count, duration } from '../model/words.ts';
import { Kind } from './kind.ts';
import { Panel, PeerTag } from './parts.tsx';

const ROWS_MAX = 40;

export function PeerTable({ view }: { readonly view: PeerView }): JSX.Element {
  const kind = useContext(Kind);
  const peers = view.peers.toSorted((a, b) => (a.peer < b.peer ? -1 : 1));
  const here = peers.filter(({ connected, offences }) => connected || offences > 0);
  const gone = peers.filter((peer) => !here.includes(peer));
  const connected = peers.filter((peer) => peer.connected).length;
  return (
    <Panel
      title="Peers"
      aside={
        <span class="note">
          {connected} connected, {peers.length} known
        </span>
      }
    >
      {peers.length === 0 ? (
        <p class="empty">
          {kind === 'tab' ? (
            'No other peer is known yet. This tab keeps trying those that its invitation names.'
          ) : (
            <>
              No other peer is known. Give this one the address of a peer of your network:{' '}
              <code>shoal up --bootstrap &lt;address&gt;</code>
            </>
          )}
        </p>
      ) : (
        <>
          {here.length > 0 && <Rows rows={here} />}
          {gone.length > 0 && (
            <details class="also">
              <summary>{count(gone.length, 'peer')} that left</summary>
              <Rows rows={gone} />
            </details>
          )}
        </>
      )}
    </Panel>
  );
}

function Rows({ rows }: { readonly rows: readonly PeerRow[] }): JSX.Element {
  return (
    <>
      <div class="table-scroll">
        <table>
          <thead>
            <tr>
              <th scope="col">Peer</th>
              <th scope="col">State</th>
              <th scope="col" class="number roomy">
                Cores
              </th>
              <th scope="col" class="number">
                Ping
              </th>
              <th scope="col" class="number">
                Offences
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, ROWS_MAX).map((row) => (
              <tr key={row.peer} class={row.offences > 0 ? 'bad' : ''}>
                <th scope="row">
                  <PeerTag peer={row.peer} />
                </th>
                <td>{stateOf(row)}</td>
                <td class="number roomy">{row.cores ?? '–'}</td>
                <td class="number">{row.roundTripMs === undefined ? '–' : ping(row.roundTripMs)}</td>
                <td class="number">{row.offences}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > ROWS_MAX && <p class="note">and {count(rows.length - ROWS_MAX, 'more peer')}</p>}
    </>
  );
}

function stateOf({ connected, incompatible }: PeerRow): string {
  if (incompatible !== undefined) return `incompatible: ${incompatible}`;
  return connected ? 'connected' : 'gone';
}

function ping(ms: number): string {
  return ms < 1_000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : duration(ms);
}
