/** A link that invites: what goes in comes out, and what is wrong with one is said. */
import { describe, expect, it } from 'vitest';
import { formatInvitation, INVITATION_ADDRESSES_MAX, parseInvitation } from '../../node/network/invitation.ts';

const ADDRESS = '/ip4/127.0.0.1/tcp/4001/ws/p2p/12D3KooWGYr2bDMPYfCT1vDoSN9czPWmQ7qPvxKuQFaQvNNQHS5p';
/** A certificate hash as webrtc-direct addresses carry it: base64url with characters a query would mangle. */
const DIRECT =
  '/ip4/127.0.0.1/udp/4001/webrtc-direct/certhash/uEiDikp5KVUgkLta1EjUN-IKbHk-dUBg8VzKgf5nXxLK46w/p2p/12D3KooWGYr2bDMPYfCT1vDoSN9czPWmQ7qPvxKuQFaQvNNQHS5p';

describe('an invitation', () => {
  it('survives the trip through a fragment and stays readable', () => {
    for (const network of [undefined, 'demo-1']) {
      const invitation = { addresses: [ADDRESS, DIRECT], network };
      const fragment = formatInvitation(invitation);
      expect(fragment).toContain(`at=${ADDRESS}`);
      expect(parseInvitation(`#${fragment}`)).toEqual(invitation);
    }
  });

  it('takes as many addresses as fit, and refuses more', () => {
    const many = Array.from({ length: INVITATION_ADDRESSES_MAX + 1 }, () => ADDRESS);
    expect(parseInvitation(formatInvitation({ addresses: many, network: undefined })).addresses).toHaveLength(
      INVITATION_ADDRESSES_MAX,
    );
    expect(() => parseInvitation(many.map((address) => `at=${address}`).join('&'))).toThrow('up to 4');
  });

  it.each([
    ['', 'names no peer'],
    ['network=demo', 'names no peer'],
    ['at=here', 'not a multiaddr'],
    [`at=${ADDRESS}&network=two words`, 'no name of a network'],
  ])('%j is refused with the reason', (fragment, reason) => {
    expect(() => parseInvitation(fragment)).toThrow(reason);
  });
});
