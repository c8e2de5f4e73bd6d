/**
 * Where the volunteer page is served: `host:port` as the owner writes it. The host is an address of this machine,
 * never a name: a name may resolve to something else tomorrow, and whether it is this machine alone decides whether
 * the page may go without TLS.
 */
import { isIP } from 'node:net';

export interface Place {
  /** An IP address: of one interface, or `0.0.0.0` or `::` for all. */
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
}

/** Fixed, because a tab's identity belongs to the page's address: after a restart the same tab is the same peer. */
export const DEFAULT_PLACE: Place = { host: '127.0.0.1', port: 4102 };

/**
 * `true` or nothing is the default, `false` is none; else `host:port`, a host or a port alone, `[::1]:port`.
 * Throws an Error that says what is expected.
 */
export function parsePlace(value: unknown): Place | undefined {
  if (value === true || value === 'true' || value === '') return DEFAULT_PLACE;
  if (value === false || value === 'false') return undefined;
  if (typeof value !== 'string') throw new Error(EXPECTED);
  const [host, port] = parts(value);
  if (port > 65_535) throw new Error('expected a port up to 65535');
  if (isIP(host) === 0) {
    throw new Error(`${EXPECTED}. The name under which others reach this machine goes into volunteerHost`);
  }
  return { host, port };
}

export function isLoopback(host: string): boolean {
  return host === '::1' || host === 'localhost' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Stands for every address of this machine. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/** As it stands in a URL. */
export function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

const EXPECTED = 'expected an address of this machine and a port, e.g. 127.0.0.1:4102, 0.0.0.0:443 or [::1]:4102';

function parts(text: string): readonly [string, number] {
  if (/^\d{1,5}$/.test(text)) return [DEFAULT_PLACE.host, Number(text)];
  const whole = text.replace(/^\[(.*)\]$/, '$1');
  if (isIP(whole) !== 0 || whole === 'localhost') return [numeric(whole), DEFAULT_PLACE.port];
  const match = /^(?:\[(.+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (match === null) throw new Error(EXPECTED);
  return [numeric(match[1] ?? match[2] ?? ''), Number(match[3])];
}

function numeric(host: string): string {
  return host === 'localhost' ? DEFAULT_PLACE.host : host;
}
