/** Whether the page shows a daemon or lives in the tab that is the peer: some words depend on it. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { PeerSource } from '../peer-source.ts';

export const Kind = createContext<PeerSource['kind']>('daemon');

/** What the shown peer is called where it stands among others. */
export function useSelfName(): string {
  return useContext(Kind) === 'tab' ? 'this tab' : 'this peer';
}
