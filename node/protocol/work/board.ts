/**
 * Everything this peer knows about one job: its roster, its units, who is voided in it. Statements are applied in
 * any order; `settle` then brings verdicts and wants of the touched units up to date. A refutation in one unit voids
 * its authors in every unit of the job, so a change among the voided touches them all.
 */
import { toHex } from '../bytes.ts';
import type { Cid, Digest, JobId, Millis, PeerKey, StatementId, UnitIndex } from '../ids.ts';
import { AUTHORS_PER_UNIT_MAX, CLAIMS_PER_IDENTITY_MAX, CLAIMS_PER_JOB_MAX } from '../limits.ts';
import type { Parameters } from '../parameters.ts';
import { leafAt, rootOf, rootOfLeaves, sealOf } from '../trust/commitment.ts';
import { refute } from '../trust/dispute.ts';
import { judge, type Verdict } from '../trust/verdict.ts';
import { digestOf } from '../wire/block.ts';
import type { BodyOf, RevealEntry, UnitRange } from '../wire/statement.ts';
import { leaseMs } from './assignment.ts';
import { type JobSpec, unitCount } from './job.ts';
import { Roster } from './roster.ts';
import { assess, createUnitRow, type UnitContext, type UnitRow } from './unit.ts';

export interface Voiding {
  readonly unit: UnitIndex;
  readonly root: Digest;
  readonly leaf: number;
}

/** Leases for which one author's claims keep others from a unit, renewed or not. Slow peers go on working after that. */
const CLAIM_LEASES_MAX = 2;

export type SettleContext = Omit<UnitContext, 'claimPatienceMs' | 'quorum' | 'replicas' | 'open' | 'isVoided'>;

/** What settling found: for notifications, roles and timers. */
export interface Settled {
  readonly unit: UnitIndex;
  readonly before: Verdict['state'];
  readonly row: UnitRow;
  /** Look at the unit again then. */
  readonly wakeAt: Millis | undefined;
}

export class JobBoard {
  readonly id: JobId;
  readonly submitter: PeerKey;
  readonly spec: JobSpec;
  readonly roster: Roster;
  readonly units: number;
  readonly firstSeenMs: Millis;
  cancelled = false;
  paused = false;
  /** Links of the input index, once this peer has it. */
  unitInputs: readonly Cid[] | undefined;
  voided: ReadonlyMap<PeerKey, Voiding> = new Map();
  readonly #rows = new Map<UnitIndex, UnitRow>();
  readonly #touched = new Set<UnitIndex>();
  readonly #refutedUnits = new Set<UnitIndex>();
  readonly #claimCounts = new Map<PeerKey, number>();
  #claims = 0;
  #done = 0;
  #firstOpen = 0;
  #quorumMax: number;

  constructor(parameters: Parameters, id: JobId, submitter: PeerKey, body: BodyOf<'job-announce'>, now: Millis) {
    this.id = id;
    this.submitter = submitter;
    this.spec = body.spec;
    this.#quorumMax = body.spec.quorum;
    this.units = unitCount(body.spec);
    this.firstSeenMs = now;
    this.roster = new Roster(parameters, body.spec, body.roster, now);
  }

  /** m* of a unit: what the job asks for, or what the submitter has raised it to. */
  quorumFor(unit: UnitIndex): number {
    return Math.max(this.spec.quorum, this.#rows.get(unit)?.raisedTo ?? 0);
  }

  /** The largest quorum any unit has been raised to, at least the job's own. */
  get quorum(): number {
    return this.#quorumMax;
  }

  get expiresAtMs(): Millis {
    return this.spec.announcedAtMs + this.spec.ttlMs;
  }

  /** Something was applied since the last `settle`. */
  get isDirty(): boolean {
    return this.#touched.size > 0;
  }

  /** Units that are agreed or no longer wanted. */
  get doneUnits(): number {
    return this.#done;
  }

  get isDone(): boolean {
    return this.#done === this.units;
  }

  /** First unit that is neither agreed nor satisfied. */
  get firstOpenUnit(): UnitIndex {
    while (this.#firstOpen < this.units && isDone(this.#rows.get(this.#firstOpen))) this.#firstOpen++;
    return this.#firstOpen;
  }

  rows(): IterableIterator<[UnitIndex, UnitRow]> {
    return this.#rows.entries();
  }

  peek(unit: UnitIndex): UnitRow | undefined {
    return this.#rows.get(unit);
  }

  /** The unit's row, made when it is first asked for. A fresh one wants all its replicas since it opened. */
  row(unit: UnitIndex): UnitRow {
    let row = this.#rows.get(unit);
    if (row === undefined) {
      row = createUnitRow(Math.max(this.firstSeenMs, this.roster.openAt(unit)));
      row.need = Math.max(this.spec.replicas, this.spec.quorum);
      this.#rows.set(unit, row);
    }
    return row;
  }

  touch(unit: UnitIndex): void {
    this.#touched.add(unit);
  }

  touchAll(): void {
    for (const unit of this.#rows.keys()) this.#touched.add(unit);
  }

  /** Units in which somebody is at work or has spoken: those that presence and time can change. */
  touchActive(): void {
    for (const [unit, { claims, evidence }] of this.#rows) {
      if (claims.size > 0 || evidence.commits.size > 0) this.#touched.add(unit);
    }
  }

  isWorker(unit: UnitIndex, author: PeerKey): boolean {
    return author === this.submitter || this.roster.isMember(unit, author);
  }

  /** Place in the order of starting; the submitter comes last for its own job. */
  rankOf(unit: UnitIndex, author: PeerKey): number {
    return this.roster.rankOf(unit, author);
  }

  inputDigest(unit: UnitIndex): Digest | undefined {
    const cid = this.unitInputs?.[unit];
    return cid === undefined ? undefined : digestOf(cid);
  }

  applyCommit(id: StatementId, author: PeerKey, body: BodyOf<'commit'>, now: Millis): void {
    for (const { unit, seal } of body.entries) {
      const { evidence, committedAtMs } = this.row(unit);
      const known = evidence.commits.get(author);
      if (known !== undefined && known.seal !== seal) evidence.equivocators.add(author);
      if (known === undefined || id < known.id) evidence.commits.set(author, { id, seal });
      if (known === undefined) committedAtMs.set(author, now);
      this.dropClaim(unit, author);
      this.#keepLowestRanks(unit);
      this.touch(unit);
    }
  }

  applyReveal(id: StatementId, author: PeerKey, body: BodyOf<'reveal'>, now: Millis): void {
    for (const entry of body.entries) {
      const { evidence, revealedAtMs } = this.row(entry.unit);
      const fact = this.#revealFact(id, author, entry);
      const known = evidence.reveals.get(author);
      if (known !== undefined && !sameReveal(known, fact)) evidence.equivocators.add(author);
      if (known === undefined || id < known.id) evidence.reveals.set(author, fact);
      if (known === undefined) revealedAtMs.set(author, now);
      this.touch(entry.unit);
    }
  }

  applyClose(id: StatementId, author: PeerKey, body: BodyOf<'close'>): void {
    const { closes } = this.row(body.unit).evidence;
    const own = closes.get(author) ?? new Map<number, { id: StatementId; seals: readonly Digest[] }>();
    closes.set(author, own);
    const known = own.get(body.n);
    if (known === undefined || id < known.id) own.set(body.n, { id, seals: body.seals });
    this.touch(body.unit);
  }

  applyOpening(body: BodyOf<'opening'>): void {
    this.row(body.unit).evidence.openings.set(rootOfLeaves(body.leaves), body.leaves);
    this.touch(body.unit);
  }

  applyWrongLeaf(body: BodyOf<'wrong-leaf'>): void {
    const { accusations } = this.row(body.unit).evidence;
    const leaves = accusations.get(body.root) ?? new Set();
    accusations.set(body.root, leaves.add(body.leaf));
    this.touch(body.unit);
  }

  applyTruth(unit: UnitIndex, task: number, leaf: Uint8Array): void {
    this.row(unit).evidence.truths.set(task, toHex(leaf));
    this.touch(unit);
  }

  applySatisfied(ranges: readonly UnitRange[]): void {
    for (const unit of unitsIn(ranges, this.units)) {
      const row = this.row(unit);
      if (!row.satisfied) this.#change(row, () => (row.satisfied = true));
      this.touch(unit);
    }
  }

  /** Agreed units that lack the larger quorum are open again. */
  applyRaise(ranges: readonly UnitRange[], quorum: number): void {
    this.#quorumMax = Math.max(this.#quorumMax, quorum);
    for (const unit of unitsIn(ranges, this.units)) {
      const row = this.row(unit);
      row.raisedTo = Math.max(row.raisedTo, quorum);
      this.touch(unit);
    }
  }

  applyCancel(): void {
    this.cancelled = true;
    this.touchAll();
  }

  /** Soft state: beyond its bounds a claim is dropped, at worst somebody starts a unit twice. */
  applyClaim(author: PeerKey, units: readonly UnitIndex[], expiresAtMs: Millis, claimsMax: number): void {
    for (const unit of units) {
      const { claims, evidence } = this.row(unit);
      const held = this.#claimCounts.get(author) ?? 0;
      const isNew = !claims.has(author);
      if (evidence.commits.has(author)) continue;
      if (isNew && (this.#claims >= CLAIMS_PER_JOB_MAX || held >= Math.min(claimsMax, CLAIMS_PER_IDENTITY_MAX)))
        continue;
      claims.set(author, expiresAtMs);
      if (isNew) this.#countClaim(author, 1);
      this.touch(unit);
    }
  }

  dropClaim(unit: UnitIndex, author: PeerKey): void {
    if (this.row(unit).claims.delete(author)) this.#countClaim(author, -1);
    this.touch(unit);
  }

  claimsHeldBy(author: PeerKey): number {
    return this.#claimCounts.get(author) ?? 0;
  }

  /** Recomputes everything touched. Verdicts are pure; counting and wants use what this peer saw and when. */
  settle(context: SettleContext): readonly Settled[] {
    const results: Settled[] = [];
    this.settleRefutations();
    for (const unit of this.#touched) {
      const row = this.row(unit);
      const before = row.verdict.state;
      const question = {
        quorum: this.quorumFor(unit),
        announcedQuorum: this.spec.quorum,
        inputDigest: this.inputDigest(unit),
        isVoided: (author: PeerKey) => this.voided.has(author),
      };
      this.#change(row, () => (row.verdict = judge(row.evidence, row.refutation, question)));
      const claimants = [...row.claims.keys()];
      const wakeAt = assess(row, {
        ...context,
        ...question,
        claimPatienceMs: CLAIM_LEASES_MAX * leaseMs(this.spec.expectedUnitMs, context.holdMs, context.parameters),
        replicas: this.spec.replicas,
        open: !this.cancelled && !this.paused && context.now < this.expiresAtMs,
      });
      for (const author of claimants) if (!row.claims.has(author)) this.#countClaim(author, -1);
      results.push({ unit, before, row, wakeAt });
    }
    this.#touched.clear();
    return results;
  }

  /** Opened roots that a known truth contradicts although no procedure has asked for it: worth an accusation. */
  contradicted(unit: UnitIndex): readonly { readonly root: Digest; readonly leaf: number }[] {
    const { evidence, refutation } = this.row(unit);
    return [...evidence.openings].flatMap(([root, leaves]) => {
      if (refutation.refuted.has(root)) return [];
      const wrong = [...evidence.truths].find(([task, truth]) => toHex(leafAt(leaves, task)) !== truth);
      return wrong === undefined ? [] : [{ root, leaf: wrong[0] }];
    });
  }

  /** Refutations of the touched units, and who is voided by them. Part of `settle`. */
  settleRefutations(): void {
    let changed = false;
    for (const unit of this.#touched) {
      const row = this.row(unit);
      const { evidence } = row;
      if (evidence.openings.size === 0) continue;
      const before = [...row.refutation.refuted.keys()].join();
      row.refutation = refute(evidence);
      if (row.refutation.refuted.size > 0) this.#refutedUnits.add(unit);
      else this.#refutedUnits.delete(unit);
      // A late reveal of a root refuted long ago voids its author as well.
      changed ||= row.refutation.refuted.size > 0 || before !== '';
    }
    if (!changed) return;
    const voided = new Map<PeerKey, Voiding>();
    for (const unit of [...this.#refutedUnits].sort((a, b) => a - b)) {
      const { evidence, refutation } = this.row(unit);
      for (const [author, { root }] of evidence.reveals) {
        const leaf = refutation.refuted.get(root);
        if (leaf !== undefined && !voided.has(author)) voided.set(author, { unit, root, leaf });
      }
    }
    const same = voided.size === this.voided.size && [...voided.keys()].every((author) => this.voided.has(author));
    this.voided = voided;
    if (!same) this.touchAll();
  }

  #revealFact(id: StatementId, author: PeerKey, entry: RevealEntry) {
    const root = rootOf(entry.merkle, entry.fuel);
    const { unit, inputDigest, salt, fuel, closing, output } = entry;
    const seal = sealOf({ author, job: this.id, unit, inputDigest, root, salt });
    return { id, root, fuel, inputDigest, seal, closing, output };
  }

  /** The authors of lowest rank stay (the submitter counts as last), never the first to arrive. */
  #keepLowestRanks(unit: UnitIndex): void {
    const { evidence, committedAtMs, revealedAtMs } = this.row(unit);
    while (evidence.commits.size > AUTHORS_PER_UNIT_MAX + 1) {
      const last = [...evidence.commits.keys()].reduce((a, b) =>
        this.rankOf(unit, a) >= this.rankOf(unit, b) ? a : b,
      );
      for (const map of [evidence.commits, evidence.reveals, evidence.closes, committedAtMs, revealedAtMs])
        map.delete(last);
    }
  }

  #countClaim(author: PeerKey, by: 1 | -1): void {
    this.#claims += by;
    const count = (this.#claimCounts.get(author) ?? 0) + by;
    if (count > 0) this.#claimCounts.set(author, count);
    else this.#claimCounts.delete(author);
  }

  #change(row: UnitRow, change: () => void): void {
    const before = isDone(row);
    change();
    this.#done += Number(isDone(row)) - Number(before);
    if (before && !isDone(row)) this.#firstOpen = 0;
  }
}

function* unitsIn(ranges: readonly UnitRange[], units: number): Generator<UnitIndex> {
  for (const { first, count } of ranges) {
    for (let unit = first; unit < Math.min(units, first + count); unit++) yield unit;
  }
}

function isDone(row: UnitRow | undefined): boolean {
  return row !== undefined && (row.satisfied || row.verdict.state === 'agreed');
}

function sameReveal(
  a: { seal: Digest; closing: readonly Digest[] },
  b: { seal: Digest; closing: readonly Digest[] },
): boolean {
  return a.seal === b.seal && a.closing.join() === b.closing.join();
}
