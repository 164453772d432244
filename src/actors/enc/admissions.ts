/** Admissions under way: each asks its owners step by step; leases of one cluster go to the chain together. */
import {
  type AdmissionInput,
  type AdmissionState,
  beginAdmission,
  type BoundDecision,
  type Candidate,
  uponAnswer,
} from '../../protocols/enc/admission.ts';
import { place } from '../../protocols/enc/placement.ts';
import { countryOf, flowOf, type Workload } from '../../protocols/enc/workload.ts';
import type { Digest } from '../../protocols/shared/brands.ts';
import type { ActorContext } from '../../runtime/ports/actors.ts';
import type { ChainFeed, Sent } from '../traffic/chain-feed.ts';
import { placementCluster, freeCapacities } from './capacity.ts';
import type { ChainFacts } from './chain-facts.ts';
import type { Cluster } from './clusters.ts';
import type { EncMessage, Outcome } from './messages.ts';
import type { AdmissionOwners } from './owners.ts';
import type { RecordStore } from './record-store.ts';

type Context = ActorContext<EncMessage>;

interface UnderWay {
  readonly number: number;
  readonly epoch: number;
  readonly workload: Workload;
  /** A decision that let a held flow go, good for its cluster alone. */
  readonly released: (BoundDecision & { readonly cluster: string }) | null;
  readonly before: string | null;
  state: AdmissionState;
}

export interface Admitted {
  readonly epoch: number;
  readonly state: AdmissionState;
}

/** Leases in one transaction at most. */
const leasesMax = 32;

export class Admissions {
  readonly #owners: AdmissionOwners;
  readonly #feed: ChainFeed;
  readonly #clusters: readonly Cluster[];
  readonly #records: RecordStore;
  readonly #underWay = new Map<Digest, UnderWay>();
  readonly #waiting: { readonly id: Digest; readonly number: number }[] = [];
  #isLeasing = false;
  #number = 0;

  constructor(options: {
    readonly owners: AdmissionOwners;
    readonly feed: ChainFeed;
    readonly clusters: readonly Cluster[];
    readonly records: RecordStore;
  }) {
    this.#owners = options.owners;
    this.#feed = options.feed;
    this.#clusters = options.clusters;
    this.#records = options.records;
  }

  stageOf(id: Digest): AdmissionState['stage'] | null {
    return this.#underWay.get(id)?.state.stage ?? null;
  }

  begin(id: Digest, of: Omit<UnderWay, 'number' | 'state'>, context: Context): void {
    this.#number += 1;
    const number = this.#number;
    this.#underWay.set(id, { ...of, number, state: beginAdmission() });
    const { tenant, name, data } = of.workload;
    const countries = [...new Set(this.#clusters.map(({ own }) => countryOf(own.country)))];
    const asked = this.#owners.court({ tenant, workload: name, classification: data.classification, countries });
    this.#pipe(id, number, asked, (answer) => ({ type: 'court', answer: { ...answer, terms: noTerms } }), context);
  }

  /** How an admission ended, once it has. */
  answered(id: Digest, number: number, input: AdmissionInput, facts: ChainFacts, context: Context): Admitted | null {
    const one = this.#underWay.get(id);
    if (one?.number !== number) return null;
    const known =
      input.type === 'court' ? { ...input, answer: { ...input.answer, terms: facts.terms(one.workload) } } : input;
    one.state = uponAnswer(one.state, known);
    const { state } = one;
    if (state.stage === 'placement') {
      return this.answered(id, number, this.#placed(one, facts), facts, context);
    }
    if (state.stage === 'policy') this.#askPolicy(id, one, state.candidates, facts, context);
    else if (state.stage === 'traffic') this.#askTraffic(id, one, state.candidate, facts, context);
    else if (state.stage === 'lease') this.#queue(id, one, context);
    else if (state.stage !== 'court') {
      this.#underWay.delete(id);
      return { epoch: one.epoch, state };
    }
    return null;
  }

  #placed({ workload, state, released, before }: UnderWay, facts: ChainFacts): AdmissionInput {
    const registrations = this.#clusters.map(({ registration }) => registration);
    const leasing = [...this.#underWay.values()].flatMap((one) =>
      one.state.stage === 'lease' ? [{ cluster: one.state.candidate.cluster, workload: one.workload }] : [],
    );
    const records = this.#records.ids.flatMap((each) => this.#records.get(each) ?? []);
    const free = freeCapacities(registrations, records, leasing);
    const views = this.#clusters.flatMap(({ registration, containers, isDraining }) => {
      const left = free.get(registration.id);
      const isOpen = released === null || released.cluster === registration.id;
      return left === undefined || !isOpen
        ? []
        : [placementCluster(registration, facts, left, { isReachable: containers !== undefined, isDraining })];
    });
    const placement = place(workload, views, state.terms, { now: facts.time, before });
    const countries = new Map(views.map(({ id, country }) => [id, country]));
    const all = placement.candidates.map((cluster): Candidate => ({ cluster, country: countries.get(cluster) ?? '' }));
    // What the agreements say of a country is the court's answer for that candidate.
    const refused = all.filter(({ country }) => facts.forbidden(workload, country, state.terms.agreements) !== null);
    const unfit = [
      ...placement.unfit,
      ...refused.map(({ cluster }) => ({ cluster, reasons: ['not-agreed' as const] })),
    ];
    const candidates = all.filter((candidate) => !refused.includes(candidate));
    return {
      type: 'placement',
      placement: { candidates: candidates.map(({ cluster }) => cluster), unfit },
      candidates,
    };
  }

  #askPolicy(
    id: Digest,
    { number, workload }: UnderWay,
    candidates: readonly Candidate[],
    facts: ChainFacts,
    context: Context,
  ): void {
    const byCountry = new Map(candidates.map((candidate) => [candidate.country, candidate]));
    const countries = [...byCountry.keys()];
    const flows = [...byCountry.values()].map(({ cluster, country }) => flowOf(workload, { id: cluster, country }));
    this.#pipe(
      id,
      number,
      this.#owners.policy(flows, facts.height),
      (states) => ({
        type: 'policy',
        states: new Map(countries.map((country, index) => [country, states[index] ?? 'Red'])),
      }),
      context,
    );
  }

  #askTraffic(id: Digest, one: UnderWay, { cluster, country }: Candidate, facts: ChainFacts, context: Context): void {
    const { number, workload, epoch, released } = one;
    const requestId = `enc-${id.slice(0, 48)}-${epoch}-${facts.height}-${cluster}`.slice(0, 128);
    const salt = this.#saltOf(workload);
    const flow = flowOf(workload, { id: cluster, country });
    const decided =
      released === null
        ? this.#owners.traffic({ requestId, flow, minHeight: facts.height, salt })
        : Promise.resolve<BoundDecision>(released);
    this.#pipe(id, number, decided, (decision) => ({ type: 'traffic', decision }), context);
  }

  #saltOf({ salt }: Workload): string {
    return [...salt].map((byte) => byte.toString(16).padStart(2, '0')).join('');
  }

  #queue(id: Digest, { number }: UnderWay, context: Context): void {
    this.#waiting.push({ id, number });
    this.#lease(context);
  }

  /** The leases of the first cluster in the queue, in one transaction. */
  #lease(context: Context): void {
    if (this.#isLeasing) return;
    const ready = this.#waiting.flatMap(({ id, number }) => {
      const one = this.#underWay.get(id);
      return one?.number === number && one.state.stage === 'lease' ? [{ id, number, one, state: one.state }] : [];
    });
    this.#waiting.length = 0;
    const cluster = ready[0]?.state.candidate.cluster;
    if (cluster === undefined) return;
    const batch = ready.filter(({ state }) => state.candidate.cluster === cluster).slice(0, leasesMax);
    this.#waiting.push(...ready.filter((each) => !batch.includes(each)).map(({ id, number }) => ({ id, number })));
    this.#isLeasing = true;
    const admissions = batch.map(({ id, one, state }) => ({
      ...{ workload: id, epoch: one.epoch, decision: state.decision.id, agreements: state.terms.agreements },
    }));
    const asked = batch.map(({ id, number }) => ({ id, number }));
    context.pipeToSelf(this.#sendAll(cluster, admissions), (outcome) => ({ type: 'leased', asked, outcome }));
  }

  /** The inputs that the answer of the chain is to those who asked. */
  leased(
    asked: readonly { readonly id: Digest; readonly number: number }[],
    outcome: Outcome<readonly (string | undefined)[]>,
    context: Context,
  ): readonly { readonly id: Digest; readonly number: number; readonly input: AdmissionInput }[] {
    this.#isLeasing = false;
    this.#lease(context);
    return asked.map(({ id, number }, index) => {
      const code = 'value' in outcome ? outcome.value[index] : undefined;
      return {
        ...{ id, number },
        input: code === undefined ? { type: 'failed', problem: 'the chain did not answer' } : { type: 'lease', code },
      };
    });
  }

  /** Where the chain refuses a batch, each of it is sent alone: one that is wrong keeps nobody else waiting. */
  async #sendAll(cluster: string, admissions: readonly unknown[]): Promise<readonly (string | undefined)[]> {
    const send = (some: readonly unknown[]): Promise<string | undefined> =>
      this.#feed.send('enc.admit-workload', { cluster, admissions: some }).then(
        ({ code }: Sent): string | undefined => code,
        () => undefined,
      );
    const together = await send(admissions);
    if (together === 'ok' || together === undefined || admissions.length === 1) return admissions.map(() => together);
    const codes: (string | undefined)[] = [];
    for (const admission of admissions) codes.push(await send([admission]));
    return codes;
  }

  #pipe<T>(id: Digest, number: number, work: Promise<T>, input: (value: T) => AdmissionInput, context: Context): void {
    context.pipeToSelf(work, (outcome) => ({
      ...{ type: 'answer', id, number },
      input: 'value' in outcome ? input(outcome.value) : { type: 'failed', problem: problemOf(outcome.error) },
    }));
  }
}

const noTerms = { agreements: [], bound: [] } as const;
const problemOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
