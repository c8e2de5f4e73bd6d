/** Who can use an invitation link: it names a page, and peers to join through, and either may be out of reach. */
export interface Reach {
  readonly isOnlyHere: boolean;
  /** What to know before giving it on; undefined where it works for everybody who reaches these machines. */
  readonly warning: string | undefined;
}

export function reachOf(url: string): Reach {
  const { hostname, protocol, hash } = new URL(url);
  const peers = new URLSearchParams(hash.slice(1)).getAll('at');
  const isPageHere = isLoopback(hostname);
  const arePeersHere = peers.length > 0 && peers.every((address) => isLoopback(address.split('/')[2] ?? ''));
  if (isPageHere || arePeersHere) {
    const what = isPageHere ? 'The page is served at' : 'The only peers in it listen on';
    const warning = `Only this machine can use this link. ${what} a loopback address, which means “myself” to every other machine.`;
    return { isOnlyHere: true, warning };
  }
  if (protocol === 'http:') {
    const warning =
      'Others can open this link, but not join: browsers give pages on plain http no cryptography. Serve the page over https.';
    return { isOnlyHere: false, warning };
  }
  return { isOnlyHere: false, warning: undefined };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || host.startsWith('127.') || /^\[?::1\]?$/.test(host);
}
