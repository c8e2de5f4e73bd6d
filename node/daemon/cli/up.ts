/** `shoal up`: a peer that stays, until SIGINT or SIGTERM. */
import { join } from 'node:path';
import type { Logger } from '../../runtime/log.ts';
import type { Overrides } from '../compose.ts';
import { type ConfigSources, loadConfig } from '../config.ts';
import { readText } from '../data-folder.ts';
import { EXIT } from '../exit-codes.ts';
import { dashboardUrl } from './dashboard.ts';
import { printInvitation } from './invitation.ts';
import { leave, print, printJson } from './output.ts';

export interface UpOptions {
  readonly sources: ConfigSources;
  readonly json: boolean;
  readonly overrides: Overrides;
}

export async function up({ sources, json, overrides }: UpOptions): Promise<void> {
  const config = await loadConfig(sources);
  const [{ startDaemon }, { createLogger }] = await Promise.all([import('../compose.ts'), import('../logger.ts')]);
  const logger = createLogger({ level: config.logLevel, pretty: process.stderr.isTTY === true });
  const signal = nextSignal();
  outliveMishaps(logger);
  const daemon = await startDaemon({ config, logger, overrides });
  const addresses = daemon.multiaddrs();
  const token = (await readText(join(config.dataFolder, 'token')))?.trim() ?? '';
  const volunteerUrl = daemon.volunteerUrl();
  if (json) {
    printJson({
      ready: true,
      peer: daemon.peerName,
      key: daemon.self,
      apiPort: daemon.apiPort,
      dashboard: dashboardUrl(daemon.apiPort, token),
      volunteerUrl,
      pid: process.pid,
      addresses,
      dataFolder: config.dataFolder,
    });
  } else {
    print(`ready: peer ${daemon.peerName}`);
    for (const address of addresses) print(`  listening on ${address}`);
    print(
      `  data folder ${config.dataFolder}, ${config.cores} core${config.cores === 1 ? '' : 's'}, control API on 127.0.0.1:${daemon.apiPort}`,
    );
    print(`  dashboard ${dashboardUrl(daemon.apiPort, token)}`);
    if (config.swarmKey !== undefined) {
      print('  private network: tcp and websockets only; WebRTC is left out, because a swarm key does not protect it');
    }
    for (const address of daemon.addedListen) print(`  added so that browser tabs can connect: --listen ${address}`);
    if (volunteerUrl !== undefined) await printInvitation(volunteerUrl);
  }
  const name = await signal;
  logger.log('info', 'stopping', { signal: name });
  // Asked twice: somebody is in a hurry. Everything that matters is on disk already.
  process.once('SIGINT', () => process.exit(EXIT.interrupted));
  process.once('SIGTERM', () => process.exit(EXIT.interrupted));
  await daemon.stop();
  await leave();
}

/** One connection's mishap in a library must not take a peer down; it is said where its owner looks. */
export function outliveMishaps(logger: Logger): void {
  process.on('unhandledRejection', (error) => {
    logger.log('error', 'unhandled rejection', { error: error instanceof Error ? error.stack : String(error) });
  });
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    process.once('SIGINT', resolve);
    process.once('SIGTERM', resolve);
  });
}
