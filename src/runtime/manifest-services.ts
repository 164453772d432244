/**
 * The services that a manifest may launch: one row a role, with the settings that its section of a node holds and the phase of
 * the launch that it belongs to. How a role is started is in service-host.ts.
 */
import { regions } from '../protocols/policy/request.ts';
import { classifications } from '../protocols/policy/vocabulary.ts';
import { checkShape } from './manifest-check.ts';
import type { Located } from './manifest-source.ts';
import { toLocated } from './manifest-source.ts';
import {
  choice,
  duration,
  listOf,
  object,
  optional,
  required,
  type ShapeValue,
  text,
  whole,
  withDefault,
} from './manifest-shape.ts';

const wordPattern = '^[a-z][a-z0-9-]{0,62}$';
const wordAllowed = 'lower-case letters, digits and dashes, beginning with a letter, at most 63';

const courtSettings = object('What a court asks of the agreements that name it.', {
  name: withDefault(text('As agreements name it.', wordAllowed, wordPattern), 'court-1'),
  jurisdiction: withDefault(
    text('One that is built in, or of the genesis document.', wordAllowed, wordPattern),
    'local',
  ),
  arbitrationThreshold: withDefault(
    whole('Amount in dispute from which a panel decides, whole units.', 0, 1_000_000_000),
    200,
  ),
  legalFramework: withDefault(
    text('Version of the legal framework.', '1 to 32 characters without spaces', '^[!-~]{1,32}$'),
    'v1.0',
  ),
});

const policySettings = object('What a policy engine answers for.', {
  geographicRegions: withDefault(listOf('Regions.', choice('A region.', regions), { itemsMin: 1, distinct: true }), [
    ...regions,
  ]),
  dataClassifications: withDefault(
    listOf('Classes of data.', choice('A class.', classifications), { itemsMin: 1, distinct: true }),
    [...classifications],
  ),
  contentsFrom: withDefault(
    listOf(
      'Other policy engines, where sets were published that this one has not seen.',
      text('A policy engine.', 'a URL beginning with http:// or https://', '^https?://.+$'),
      { distinct: true },
    ),
    [],
  ),
});

const trafficSettings = object('What a traffic light is told.', {
  pipelineMode: withDefault(
    choice('How decisions are grouped: each at once, or several under one write.', ['real-time', 'batch']),
    'real-time',
  ),
  decisionLatency: withDefault(duration('Budget of a decision up to its place in the log.'), '10ms'),
  stateMaxAge: withDefault(
    duration('Where the chain stands still, for so long decisions go on from its last state.'),
    '30s',
  ),
  reviewers: withDefault(
    listOf(
      'Who may sign proofs of a role that obligations name.',
      object('A reviewer.', {
        role: required(text('The role.', wordAllowed, wordPattern)),
        account: optional(
          text('An account of this name; its key file is made under DATA/accounts.', wordAllowed, wordPattern),
        ),
        publicKey: optional(
          text('The reviewer’s key, in the place of account.', '64 lower-case hex digits', '^[0-9a-f]{64}$'),
        ),
      }),
    ),
    [],
  ),
});

const encSettings = object('Execution clusters of one operator, on ports one after the other.', {
  clusterCount: withDefault(whole('Clusters.', 1, 64), 3),
  countries: withDefault(
    listOf('Countries of the clusters, in turn.', text('A country.', 'an ISO 3166-1 code', '^[A-Z]{2}$'), {
      itemsMin: 1,
    }),
    ['DE', 'FR', 'US'],
  ),
  docklock: withDefault(
    text('DockLock that runs the containers.', 'a URL beginning with http:// or https://', '^https?://.+$'),
    'http://127.0.0.1:21020',
  ),
});

const docklockSettings = object('How containers are run.', {
  pool: withDefault(whole('Shims made ahead for each runtime, so that a start does not wait.', 0, 64), 2),
  operators: withDefault(
    listOf(
      'Who may run containers here, beside the governors of the chain and the execution clusters of this manifest.',
      text(
        'An account.',
        'a name, whose key file is made under DATA/accounts, or a key: 64 lower-case hex digits',
        wordPattern,
      ),
    ),
    [],
  ),
});

/** One row a service. */
export const serviceRoles = {
  court: { phase: 'core', title: 'agreement court', settings: courtSettings },
  policy: { phase: 'core', title: 'policy engine', settings: policySettings },
  traffic: { phase: 'data-flow control', title: 'traffic light', settings: trafficSettings },
  enc: { phase: 'execution', title: 'execution clusters', settings: encSettings },
  docklock: { phase: 'execution', title: 'DockLock', settings: docklockSettings },
} as const;

export type ServiceRole = keyof typeof serviceRoles;
export const serviceRoleNames = Object.keys(serviceRoles) as readonly ServiceRole[];

export type ServiceSettings<R extends ServiceRole = ServiceRole> = ShapeValue<(typeof serviceRoles)[R]['settings']>;

/** The sections of a node, by role. */
export const serviceSections = {
  court: optional(serviceRoles.court.settings),
  policy: optional(serviceRoles.policy.settings),
  traffic: optional(serviceRoles.traffic.settings),
  enc: optional(serviceRoles.enc.settings),
  docklock: optional(serviceRoles.docklock.settings),
};

/** The settings of a role whose section is not there. */
export function defaultSettings<R extends ServiceRole>(role: R): ServiceSettings<R> {
  const empty: Located = toLocated({}, { kind: 'default' });
  return checkShape(serviceRoles[role].settings, empty, []).draft as ServiceSettings<R>;
}
