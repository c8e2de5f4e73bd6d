/**
 * Runs in a network namespace of its own: the renderer of a tab is killed that was linked with another one by WebRTC,
 * so that no socket tells of its end. The last line of the output is a `Takeover`, as JSON.
 */
import '../../../node/runtime/polyfills.ts';
import { Tabs } from '../../browser/tabs.ts';
import { linked, takeOver } from '../../browser/takeover.ts';
import { startWitness } from '../../browser/witness.ts';

const NETWORK = 'netns-takeover';
/** Without it Chromium would offer names that only multicast resolves. */
const SHOW_ADDRESSES = '--disable-features=WebRtcHideLocalIpsWithMdns';

const { executablePath } = JSON.parse(process.argv[2]!) as { executablePath: string };
const tabs = await Tabs.create(executablePath, [SHOW_ADDRESSES]);
try {
  const daemon = await tabs.startDaemon({ network: NETWORK, cores: 0 });
  await tabs.startDaemon({ network: NETWORK, cores: 1, bootstrap: daemon.addresses.slice(0, 1) });
  const witness = await startWitness(NETWORK, daemon.addresses.slice(0, 1));
  const waiting = await tabs.open(NETWORK, [daemon]);
  const ending = await tabs.open(NETWORK, [daemon]);
  await linked(waiting, ending, (address) => address.includes('/webrtc/'));
  const takeover = await takeOver('kill', { tabs, witness, daemon, waiting, ending });
  await witness.stop();
  process.stdout.write(`${JSON.stringify(takeover)}\n`);
} finally {
  await tabs.close();
}
