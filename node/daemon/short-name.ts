/** `12D3…` and the last eight characters of a peer id: the beginning is the same for every Ed25519 peer. */
export function shortName(peerName: string): string {
  return `12D3…${peerName.slice(-8)}`;
}
