/** Admission alone, and who comes to it. */
import { type Admission, Admissions, type Precheck } from '../../../../node/protocol/admission.ts';
import type { JobId, PeerKey } from '../../../../node/protocol/ids.ts';
import { Peers } from '../../../../node/protocol/peers.ts';
import { digestOf } from '../../../../node/protocol/wire/block.ts';
import type { Body, BodyOf } from '../../../../node/protocol/wire/statement.ts';
import { JobBoard } from '../../../../node/protocol/work/board.ts';
import type { JobSpec } from '../../../../node/protocol/work/job.ts';
import {
  type Attestation,
  announce,
  attest,
  digest,
  envelope,
  idOf,
  key,
  keys,
  leavesOf,
  modelJob,
  PARAMETERS,
  START_MS,
} from '../fixtures.ts';

export const SUBMITTER = key('submitter');
export const [A, B, C] = keys(3) as [PeerKey, PeerKey, PeerKey];
export const STRANGER = key('stranger');
export const DIRECT = { via: 'direct', peer: A } as const;
export const GOSSIP = { via: 'gossip', peer: A } as const;

/** Admission alone, with the board of one job. */
export function door(spec: Partial<JobSpec> = {}, roster: readonly PeerKey[] = [A, B, C]) {
  const job = modelJob(spec, roster);
  const body = announce(job);
  const id = idOf(SUBMITTER, body) as string as JobId;
  const board = new JobBoard(PARAMETERS, id, SUBMITTER, body, START_MS);
  const peers = new Peers(PARAMETERS, key('self'));
  const admissions = new Admissions(PARAMETERS, peers);
  const attestation = (author: PeerKey, unit = 0): Attestation =>
    attest(id, author, unit, leavesOf(unit, 4), digestOf(job.unitInputs[unit]!));
  const commitOf = (...list: readonly Attestation[]): BodyOf<'commit'> => ({
    kind: 'commit',
    job: id,
    entries: list.map(({ unit, seal }) => ({ unit, seal })),
  });
  const revealOf = (attestation_: Attestation): BodyOf<'reveal'> => ({
    kind: 'reveal',
    job: id,
    entries: [attestation_.reveal([attestation_.seal, digest('other')])],
  });
  const examine = (author: PeerKey, said: Body, now = START_MS): Admission =>
    admissions.examine(envelope(author, said), board, now);
  return { job, id, board, peers, admissions, attestation, commitOf, revealOf, examine };
}

export const identity = (issuedAtMs: number): BodyOf<'identity'> => ({
  kind: 'identity',
  issuedAtMs,
  cores: 1,
  agent: 'a',
  addresses: [],
});

/** An authentic identity comes by gossip. */
export function hear(admissions: Admissions, author: PeerKey, issuedAtMs: number): Precheck {
  const result = admissions.precheck(envelope(author, identity(issuedAtMs)).bytes, GOSSIP, START_MS);
  if (result.step === 'verify') admissions.charge(result.envelope, GOSSIP, START_MS);
  return result;
}
