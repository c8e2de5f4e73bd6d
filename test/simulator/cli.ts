/** `npm run simulate -- --peers 100 --liars 0.1 --units 500 --seed 7` */
import '../../node/runtime/polyfills.ts';
import { createPeer } from '../../node/protocol/peer.ts';
import { runCommand } from './command.ts';

process.exitCode = await runCommand(process.argv.slice(2), createPeer, {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
});
