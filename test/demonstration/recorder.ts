/**
 * Entry of a recorder on the wire: `shoal` as it is, with a transport that writes down every message it hears before
 * anything checks or drops it, one line each: `gossip` or `direct`, and the bytes in hex. The file is named by the
 * environment variable WIRE_RECORDING.
 */
import '../../node/runtime/polyfills.ts';
import { openSync, writeSync } from 'node:fs';
import { main } from '../../node/daemon/cli/program.ts';
import type { NetworkTransport } from '../../node/network/transport.ts';
import { toHex } from '../../node/protocol/bytes.ts';

const path = process.env.WIRE_RECORDING;
if (path === undefined) throw new Error('WIRE_RECORDING must name the file to record to');
const file = openSync(path, 'a', 0o600);

await main(process.argv, { transport: recording });

function recording(transport: NetworkTransport): NetworkTransport {
  const note = (how: 'gossip' | 'direct', bytes: Uint8Array): void => void writeSync(file, `${how} ${toHex(bytes)}\n`);
  return {
    self: transport.self,
    start: (listener) =>
      transport.start({
        connected: (peer, address, agent) => listener.connected(peer, address, agent),
        disconnected: (peer) => listener.disconnected(peer),
        incompatible: (peer, address, agent, detail) => listener.incompatible(peer, address, agent, detail),
        dialFailed: (address, code, detail) => listener.dialFailed(address, code, detail),
        roundTrip: (peer, roundTripMs) => listener.roundTrip(peer, roundTripMs),
        gossip(token, source, bytes) {
          note('gossip', bytes);
          listener.gossip(token, source, bytes);
        },
        direct(peer, bytes) {
          note('direct', bytes);
          listener.direct(peer, bytes);
        },
      }),
    stop: () => transport.stop(),
    publish: (bytes) => transport.publish(bytes),
    answer: (token, answer) => transport.answer(token, answer),
    send: (peer, bytes) => transport.send(peer, bytes),
    fetch: (request, done) => transport.fetch(request, done),
    multiaddrs: () => transport.multiaddrs(),
    dial: (address) => transport.dial(address),
    learn: (peer, addresses) => transport.learn(peer, addresses),
    peers: () => transport.peers(),
    usage: () => transport.usage(),
  };
}
