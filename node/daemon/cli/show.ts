/** The commands that only look: status, peers, jobs, job, why. */
import type { PeerKey } from '../../protocol/ids.ts';
import { partDone, type ReplicaRow } from '../../protocol/view.ts';
import { wordsOf } from '../../sdk/jobs/progress.ts';
import type { ConfigSources } from '../config.ts';
import { dataFolderOf, readSchema } from '../data-folder.ts';
import { ShoalError } from '../errors.ts';
import { shortName } from '../short-name.ts';
import { Client, type JobAnswer, type StatusAnswer } from './client.ts';
import { bytes, duration, percent, print, printJson, progressText, short, table } from './output.ts';

/** How a browser tab begins to name itself. */
const TAB_AGENT = 'shoal-tab/';

export interface ShowOptions {
  readonly sources: ConfigSources;
  readonly json: boolean;
}

export async function showStatus({ sources, json }: ShowOptions): Promise<void> {
  const status = await (await Client.connect(dataFolderOf(sources))).status();
  if (json) return printJson(status);
  const { view, storage } = status;
  const running = view.jobs.filter((job) => job.state === 'running' || job.state === 'announcing').length;
  const rows: [string, string][] = [
    ['peer', status.peerName],
    ['network', `${status.network} (${status.preset})`],
    ['listening', status.addresses.join('\n')],
    [
      'data folder',
      `${status.dataFolder}, ${bytes(storage.bytes)} of ${bytes(storage.bytesMax)} in ${storage.blocks} blocks`,
    ],
    ['daemon', `${status.version}, pid ${status.pid}, up for ${duration((view.nowMs - status.startedAtMs) / 1_000)}`],
    ['cores', `${view.cores}${view.paused.length > 0 ? `, paused (${view.paused.join(', ')})` : ''}`],
    ['peers', peersText(status)],
    ...(status.relay === undefined ? [] : [['relay', relayText(status.relay)] as [string, string]]),
    ...(status.volunteerUrl === undefined
      ? []
      : [['volunteers', `join at ${status.volunteerUrl}`] as [string, string]]),
    ['jobs', `${running} running, ${view.jobs.length} known`],
    [
      'computed',
      `${view.totals.unitsExecuted} units, ${view.totals.unitsCounted} counted, ${short(view.totals.fuelExecuted)} fuel`,
    ],
    ['now', view.replicas.map(replicaText).join('\n') || 'no unit'],
    ['why', explained(status.why)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, text] of rows)
    print(`${name.padEnd(width)}  ${text.replaceAll('\n', `\n${' '.repeat(width + 2)}`)}`);
}

/** `3f2a… unit 7 executing, 41 % (went on at 35 %)` */
function replicaText({ job, unit, phase, progress }: ReplicaRow): string {
  const text = `${job.slice(0, 10)} unit ${unit} ${phase}`;
  if (progress === undefined) return text;
  const resumed = progress.resumedAt > 0 ? ` (went on at ${percent(progress.resumedAt)})` : '';
  return `${text}, ${percent(partDone(progress))}${resumed}`;
}

/** `3 connected (2 browser tabs, room for 125 more), 5 known` */
function peersText({ view, connections }: StatusAnswer): string {
  const present = view.peers.filter((peer) => peer.connected && peer.incompatible === undefined);
  const tabs = present.filter(({ agent }) => agent.startsWith(TAB_AGENT)).length;
  const room = connections.now < connections.max ? `room for ${connections.max - connections.now} more` : 'full';
  const kinds = [...(tabs === 0 ? [] : [`${tabs} browser tab${tabs === 1 ? '' : 's'}`]), room];
  return `${present.length} connected (${kinds.join(', ')}), ${view.peers.length} known`;
}

function relayText({ reservations, max }: NonNullable<StatusAnswer['relay']>): string {
  return `${reservations} of ${max} places taken by tabs that others reach through this peer`;
}

export async function showPeers({ sources, json }: ShowOptions): Promise<void> {
  const peers = await (await Client.connect(dataFolderOf(sources))).peers();
  if (json) return printJson({ peers });
  if (peers.length === 0) return print('no peer is known yet');
  print(
    table(
      ['peer', 'state', 'ping', 'cores', 'offences', 'agent', 'address'],
      peers.map((peer) => [
        peer.peerName,
        peer.connected ? (peer.incompatible === undefined ? 'connected' : 'incompatible') : 'gone',
        peer.roundTripMs === undefined ? undefined : `${peer.roundTripMs.toFixed(1)} ms`,
        peer.cores,
        peer.offences,
        peer.agent,
        peer.incompatible ?? peer.addresses[0] ?? peer.address,
      ]),
    ),
  );
}

export async function showJobs({ sources, json }: ShowOptions): Promise<void> {
  const jobs = await (await Client.connect(dataFolderOf(sources))).jobs();
  if (json) return printJson({ jobs });
  if (jobs.length === 0) return print('no job is known');
  print(
    table(
      ['job', 'state', 'units', 'result', 'submitter', 'title'],
      jobs.map((job) => [
        job.job.slice(0, 10),
        job.state,
        `${job.counts.agreed + job.counts.own + job.counts.satisfied}/${job.units}`,
        job.label ?? `quorum ${job.quorum}`,
        job.own ? 'this peer' : shortName(job.submitterName),
        job.title,
      ]),
    ),
  );
}

export async function showJob(job: string, { sources, json }: ShowOptions): Promise<void> {
  const answer = await (await Client.connect(dataFolderOf(sources))).job(job);
  if (json) return printJson(answer);
  const { view, progress } = answer;
  print(`job ${answer.job}`);
  if (view !== undefined) {
    print(`${view.title}, submitted by ${view.own ? 'this peer' : name(answer, view.submitter)}, ${view.state}`);
    print(`${view.tasks} tasks in ${view.units} units, quorum ${view.quorum}, roster of ${view.roster} peers`);
    print(`${view.executions} replicas computed, ${short(view.fuel)} fuel`);
    for (const { author, units } of view.refuted) print(`refuted: ${name(answer, author)} on ${units} units`);
  }
  if (progress !== undefined) {
    print(progressText(progress));
    if (progress.outcome?.state === 'failed') print(`failed: ${progress.outcome.message}`);
  }
  if (answer.why.length > 0) print(explained(answer.why));
  if (view === undefined) return;
  print(
    table(
      ['unit', 'state', 'result', 'peers counted', 'replicas', 'claimed by', 'fuel'],
      view.unitRows.map((row) => [
        row.unit,
        row.state,
        row.label === undefined ? undefined : wordsOf(row.label),
        row.countedAuthors.map((author) => name(answer, author)).join(' '),
        `${row.revealedBy.length} of ${row.committedBy.length} revealed`,
        row.claimedBy.map((author) => name(answer, author)).join(' '),
        row.fuel === 0 ? undefined : short(row.fuel),
      ]),
    ),
  );
}

/** Also answers where no daemon runs: then the configuration is what may be wrong, and it is checked as `up` would. */
export async function showWhy(job: string | undefined, { sources, json }: ShowOptions): Promise<void> {
  const folder = dataFolderOf(sources);
  const client = await Client.find(folder);
  if (client === undefined) {
    const { loadConfig } = await import('../config.ts');
    const config = await loadConfig(sources);
    await readSchema(config.dataFolder);
    throw new ShoalError(
      'daemon-unreachable',
      `no daemon runs on data folder ${folder}; its configuration is in order. Start it with "shoal up".`,
    );
  }
  const answer = await client.why(job);
  if (json) return printJson(answer);
  if (answer.progress !== undefined) print(progressText(answer.progress));
  if (answer.progress?.outcome?.state === 'failed') print(answer.progress.outcome.message);
  print(explained(answer.why));
}

function explained(why: JobAnswer['why']): string {
  if (why.length === 0) return 'nothing waits';
  return why.map(({ text, advice }) => (advice === undefined ? text : `${text}\n  → ${advice}`)).join('\n');
}

function name(answer: JobAnswer, peer: PeerKey): string {
  return shortName(answer.names[peer] ?? peer);
}
