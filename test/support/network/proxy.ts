/** A tcp proxy on loopback whose connections a test can cut, as a bad network does. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface ShakyProxy {
  readonly port: number;
  /** Breaks everything that runs through it now, without a goodbye. */
  cut(): void;
  readonly connections: number;
  close(): Promise<void>;
}

/** Stands before a port of 127.0.0.1. */
export async function startProxy(port: number): Promise<ShakyProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((inbound) => {
    const outbound = connect(port, '127.0.0.1');
    for (const [from, to] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      sockets.add(from);
      from.pipe(to);
      from.on('error', () => to.destroy());
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const own = (server.address() as AddressInfo).port;
  const cut = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    port: own,
    cut,
    get connections() {
      return sockets.size / 2;
    },
    async close() {
      cut();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
