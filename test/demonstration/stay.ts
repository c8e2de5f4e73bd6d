/**
 * `--stay`: the network of the demonstration goes on until it is interrupted. Its first peer submits one picture after
 * the other, ever deeper into the Mandelbrot set, so that whoever watches sees something grow and whoever joins, by a
 * browser tab or with `shoal up`, gets work at once.
 */
import type { View } from './draw-mandelbrot.ts';
import { play } from './play.ts';
import { shuffled } from './random.ts';
import type { Screen } from './screen.ts';
import type { Swarm, SwarmPeer } from './swarm.ts';

/** Places on the edge of the set, where there is something to see at every depth. */
const PLACES = [
  [-0.743643887, 0.131825904],
  [-0.16070135, 1.0375665],
  [-1.25066, 0.02012],
  [0.274_93, 0.48262],
] as const;
const DEPTHS = 8;
/** Between two pictures: the machine breathes, and who watches sees the whole one. */
const PAUSE_MS = 2_000;
const LOOK_INTERVAL_MS = 1_000;

/** Never resolves; rejects when a picture cannot be had any more. */
export async function stayUp(swarm: Swarm, submitter: SwarmPeer, seed: number, screen: Screen): Promise<never> {
  screen.line();
  screen.line('The network stays up and draws on, until Ctrl-C. Watch it, or join it with a tab:');
  screen.line(`  dashboard:   ${submitter.daemon.dashboard}`);
  screen.line(`  volunteers:  ${submitter.daemon.volunteerUrl}`);
  screen.line(`  a peer:      npx shoal up --network ${swarm.network} --bootstrap ${submitter.daemon.addresses[0]} \\`);
  screen.line('                 --listen /ip4/127.0.0.1/tcp/0 --data /tmp/newcomer');
  screen.line();
  return Promise.race([drawOn(swarm, submitter, seed, screen), sayWhoJoins(swarm, submitter, screen)]);
}

async function drawOn(swarm: Swarm, submitter: SwarmPeer, seed: number, screen: Screen): Promise<never> {
  for (let round = 0; ; round++) {
    const { progress } = await play({
      swarm,
      submitter,
      piece: {
        kernel: 'mandelbrot',
        arguments: Object.fromEntries(Object.entries(viewOf(seed, round)).map(([key, value]) => [key, String(value)])),
        policy: { quorum: 2, ownResults: 'never', tasksPerUnit: 2 },
      },
      onProgress: ({ done, units }) => {
        if (screen.isLive) screen.progress(done / units, `picture ${round + 1}, ${done} of ${units} units`);
      },
    });
    screen.done();
    screen.line(`  picture ${round + 1}: ${progress.label}, ${(progress.elapsedMs / 1_000).toFixed(1)} s`);
    await pause(PAUSE_MS);
  }
}

/** Each place is approached in a few steps, then comes another one. */
export function viewOf(seed: number, round: number): View {
  const journey = Math.floor(round / DEPTHS);
  const [centreX, centreY] = shuffled(seed, `place ${journey}`, PLACES)[0]!;
  return { width: 512, height: 512, centreX, centreY, span: 3 * 0.4 ** (round % DEPTHS), iterations: 20_000 };
}

async function sayWhoJoins(swarm: Swarm, { client }: SwarmPeer, screen: Screen): Promise<never> {
  const met = new Set<string>();
  for (;;) {
    for (const { peer, peerName, agent, connected } of await client.peers()) {
      if (!connected || met.has(peer) || swarm.has(peer)) continue;
      met.add(peer);
      screen.line(`  joined: ${peerName} (${agent.startsWith('shoal-tab/') ? 'a browser tab' : agent})`);
    }
    await pause(LOOK_INTERVAL_MS);
  }
}

function pause(durationMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, durationMs));
}
