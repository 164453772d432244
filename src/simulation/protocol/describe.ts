/** Schedules for people: one line a choice. */
import type { BlockName, Cast, Choice, Forgery, MessageName, ProtocolSchedule } from './schedule.ts';
import { instancesOf, memberOfInstance } from './schedule.ts';

const place = ({
  kind,
  height,
  round,
}: {
  readonly kind: string;
  readonly height: number;
  readonly round: number;
}): string => `${kind} of height ${height}, round ${round}`;

/** `v2`, and `v2'`, `v2''` for its twins. */
function nameOfInstance(cast: Cast, instance: number): string {
  const member = memberOfInstance(cast, instance);
  const earlier = cast.twins.slice(0, Math.max(0, instance - cast.validators)).filter((twin) => twin === member).length;
  return `v${member}${instance < cast.validators ? '' : "'".repeat(earlier + 1)}`;
}

function describeForgery(cast: Cast, { block, preparedRound, roundChanges, prepares, ...rest }: Forgery): string {
  const one = (name: MessageName): string => nameOfInstance(cast, name.from);
  const blockText = (name: BlockName): string =>
    'salt' in name
      ? `${name.valid ? 'a' : 'an invalid'} block of its own`
      : `the block of ${one(name)}'s ${place(name)}`;
  const parts = [place(rest)];
  if (block !== null) parts.push(`for ${blockText(block)}`);
  if (preparedRound !== undefined) parts.push(`claimed prepared in round ${preparedRound}`);
  if (roundChanges !== undefined) parts.push(`round changes of ${roundChanges.map(one).join(' ') || 'nobody'}`);
  if (prepares !== undefined) parts.push(`prepares of ${prepares.map(one).join(' ') || 'nobody'}`);
  return parts.join(', ');
}

export function describeChoice(cast: Cast, choice: Choice): string {
  const name = (instance: number): string => nameOfInstance(cast, instance);
  const names = (instances: readonly number[]): string => instances.map(name).join(' ') || 'nobody';
  const pending = 'later' in choice ? ', not synced' : '';
  switch (choice.do) {
    case 'deliver':
      return `${name(choice.to)} gets ${name(choice.from)}'s ${place(choice)}${pending}`;
    case 'expire':
      return `${name(choice.host)}: its timer "${choice.timer}" fires${pending}`;
    case 'answer':
      return `${name(choice.host)}: its block is built or checked${pending}`;
    case 'sync':
      return `${name(choice.host)}: its disk syncs`;
    case 'crash':
      return `${name(choice.host)} crashes; ${choice.writes} writes and ${choice.blocks} blocks not synced are kept`;
    case 'restart':
      return `${name(choice.host)} starts again${pending}`;
    case 'adopt':
      return `${name(choice.host)} gets the final blocks of ${name(choice.from)}${pending}`;
    case 'link':
      return `${name(choice.host)} is linked with ${names(choice.live)}${pending}`;
    case 'forge':
      return `v${choice.by} sends ${names(choice.to)} a ${describeForgery(cast, choice.message)}`;
  }
}

/** Who plays, the choices, and how it ends. */
export function describeSchedule({ cast, heights, quorum, choices, calm, rules }: ProtocolSchedule): readonly string[] {
  const { validators, twins, adversaries } = cast;
  const all = Array.from({ length: instancesOf(cast) }, (_, instance) => nameOfInstance(cast, instance)).join(' ');
  const lines = [`${validators} validators (${all}), rules ${rules}, up to height ${heights}`];
  if (quorum !== null) lines.push(`a quorum is ${quorum}`);
  if (twins.length > 0) lines.push(`v${twins.join(', v')} run as twins`);
  if (adversaries.length > 0) lines.push(`v${adversaries.join(', v')} are the adversary's`);
  lines.push(...choices.map((choice, index) => `${index + 1}. ${describeChoice(cast, choice)}`));
  if (calm !== null) {
    const dead = calm.dead.map((instance) => nameOfInstance(cast, instance)).join(' ');
    lines.push(`then all links come up${dead === '' ? '' : `, ${dead} dead`}`);
  }
  return lines;
}
