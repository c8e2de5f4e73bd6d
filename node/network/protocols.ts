/**
 * Names on the wire. Protocol version and fingerprint stand in the topic and in every stream id, so peers of another
 * version, another network or other parameters never exchange a byte of ours; what they offer tells which it is.
 */
import { fingerprint, type Parameters, PROTOCOL_VERSION } from '../protocol/parameters.ts';

export interface ProtocolNames {
  readonly topic: string;
  readonly direct: string;
  readonly blocks: string;
  readonly membership: string;
  /** Beats, which show that a peer lives. */
  readonly beats: string;
  /** By which a full peer tells a newcomer so. */
  readonly refusal: string;
}

export function protocolNames(parameters: Parameters): ProtocolNames {
  const network = `shoal/${PROTOCOL_VERSION}/${fingerprint(parameters)}`;
  return {
    topic: network,
    direct: `/${network}/direct`,
    blocks: `/${network}/blocks`,
    membership: `/${network}/membership`,
    beats: `/${network}/beats`,
    refusal: `/${network}/refusal`,
  };
}

/** Why a peer that offers these protocols cannot talk with this one, or undefined if it can. */
export function incompatibility(offered: readonly string[], own: ProtocolNames): string | undefined {
  if (offered.includes(own.direct)) return undefined;
  const [, version, network] = matchDirect(own.direct)!;
  const other = offered.map(matchDirect).find((match) => match !== null);
  if (other == null) return 'not a Shoal peer';
  if (other[1] !== version) return `speaks /shoal/${other[1]}, this peer speaks /shoal/${version}`;
  return `belongs to another network or uses other parameters (its fingerprint is ${other[2]}, here it is ${network})`;
}

function matchDirect(protocol: string): RegExpMatchArray | null {
  return protocol.match(/^\/shoal\/([^/]+)\/([^/]+)\/direct$/);
}
