/**
 * Arbitrators and their bonds. The bond weighs in the draw, is frozen with the list when a claim is filed, and cannot
 * be taken back while its owner sits on a panel. Source: court design, "Draw".
 */
import type { PublicKey } from '../../../shared/brands.ts';
import { compareText } from '../../../shared/bytes.ts';
import { struct, uint } from '../../../shared/codec.ts';
import { jsonAmount, jsonStruct } from '../../json-codec.ts';
import { kind, type Kind, ok, type Outcome, refuse, type TransactionContext } from '../../module.ts';
import { type ReadView, table, type View } from '../../view.ts';
import { forfeitHolding, heldFor, hold, payFromHolding, readAccount } from '../accounts.ts';
import type { AgreementTerms } from './agreement-terms.ts';
import { type ArbitratorProfile, arbitratorsMax, profileCodec, profileFields } from './arbitrator-profile.ts';
import type { Candidate } from './draw.ts';
import type { Jurisdiction } from './jurisdictions.ts';

interface Registration extends ArbitratorProfile {
  /** The bond as it is to be, minor units: more is taken from the account, less comes back. 0 takes the arbitrator off. */
  readonly bond: bigint;
}

interface Arbitrator {
  readonly profile: ArbitratorProfile;
  /** Panels that it sits on. */
  readonly seats: number;
}

const arbitrators = table('court/arbitrator/', struct<Arbitrator>({ profile: profileCodec, seats: uint }));
const counts = table('court/arbitrators/', uint);

export const bondHolding = (arbitrator: PublicKey): string => `arbitrator/${arbitrator}`;

export const arbitratorBond = (view: ReadView, arbitrator: PublicKey): bigint => heldFor(view, bondHolding(arbitrator));

export interface ListedArbitrator extends ArbitratorProfile {
  readonly account: PublicKey;
  /** Minor units. */
  readonly bond: bigint;
  readonly seats: number;
}

/** All of them, ascending by account. */
export const readArbitrators = (view: ReadView): readonly ListedArbitrator[] =>
  [...view.scan(arbitrators)].map(([key, { profile, seats }]) => {
    const account = key as PublicKey;
    return { account, bond: arbitratorBond(view, account), seats, ...profile };
  });

const isArbitrator = (view: ReadView, account: PublicKey): boolean => view.get(arbitrators, account) !== undefined;

function writeArbitrator(view: View, account: PublicKey, arbitrator: Arbitrator | undefined): void {
  const by = (arbitrator === undefined ? 0 : 1) - (isArbitrator(view, account) ? 1 : 0);
  if (by !== 0) view.set(counts, 'all', (view.get(counts, 'all') ?? 0) + by);
  if (arbitrator === undefined) view.delete(arbitrators, account);
  else view.set(arbitrators, account, arbitrator);
}

/** An arbitrator of genesis; its bond is held already. */
export const seedArbitrator = (view: View, account: PublicKey, profile: ArbitratorProfile): void =>
  writeArbitrator(view, account, { profile, seats: 0 });

/** One panel more or less that somebody sits on. Who has taken itself off meanwhile is not counted. */
export function countSeat(view: View, account: PublicKey, by: 1 | -1): void {
  const found = view.get(arbitrators, account);
  if (found !== undefined) view.set(arbitrators, account, { ...found, seats: found.seats + by });
}

/** Takes a part of a bond, in millionths, to the treasury. Returns the amount. */
export function penalise(view: View, account: PublicKey, ppm: number): bigint {
  const amount = (arbitratorBond(view, account) * BigInt(ppm)) / 1_000_000n;
  if (amount > 0n) forfeitHolding(view, bondHolding(account), amount);
  const attributes = { arbitrator: account, amount: amount.toString() };
  view.emit({ module: 'court', kind: 'arbitrator-penalised', attributes });
  return amount;
}

function register({ bond, ...profile }: Registration, view: View, { sender }: TransactionContext): Outcome {
  const before = view.get(arbitrators, sender);
  const held = arbitratorBond(view, sender);
  if (before === undefined && bond === 0n) return refuse('not-registered');
  if (before !== undefined && before.seats > 0 && bond < held) return refuse('seated');
  if (before === undefined && (view.get(counts, 'all') ?? 0) >= arbitratorsMax) return refuse('too-many-arbitrators');
  if (bond > held) {
    if ((readAccount(view, sender)?.balance ?? 0n) < bond - held) return refuse('insufficient-balance');
    hold(view, sender, bondHolding(sender), bond - held);
  } else payFromHolding(view, bondHolding(sender), sender, held - bond);
  writeArbitrator(view, sender, bond === 0n ? undefined : { profile, seats: before?.seats ?? 0 });
  const attributes = { arbitrator: sender, bond: bond.toString() };
  view.emit({ module: 'court', kind: 'arbitrator-registered', attributes });
  return ok;
}

export const registerArbitrator: Kind<never> = kind<Registration>({
  body: jsonStruct<Registration>({ ...profileFields, bond: jsonAmount }),
  execute: register,
});

/**
 * Who may be drawn: registered for the jurisdiction and the language, bonded enough, and neither a party, nor one who
 * acts for a party or is under its control, nor one who says that it may not judge one. Ascending by account.
 */
export function eligibleArbitrators(view: ReadView, terms: AgreementTerms, rules: Jurisdiction): readonly Candidate[] {
  const concerned = new Set(
    terms.parties.flatMap(({ account, representatives, affiliates }) => [account, ...representatives, ...affiliates]),
  );
  const language = rules.language ?? terms.language;
  const isEligible = (arbitrator: ListedArbitrator): boolean =>
    arbitrator.bond >= rules.arbitratorBondMin &&
    arbitrator.bond > 0n &&
    arbitrator.jurisdictions.includes(rules.id) &&
    arbitrator.languages.includes(language) &&
    !concerned.has(arbitrator.account) &&
    !arbitrator.affiliations.some((account) => concerned.has(account));
  return readArbitrators(view)
    .filter(isEligible)
    .map(({ account, bond }) => ({ arbitrator: account, weight: bond }))
    .sort((a, b) => compareText(a.arbitrator, b.arbitrator));
}

/** Whether somebody on a list of earlier can still be drawn: it is registered, and its bond still suffices. */
export const isStillAvailable = (view: ReadView, account: PublicKey, { arbitratorBondMin }: Jurisdiction): boolean =>
  isArbitrator(view, account) && arbitratorBond(view, account) >= arbitratorBondMin;
