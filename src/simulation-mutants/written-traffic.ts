/** Defects of traffic lights: their log, their decisions, what they hold, the policies that they rest on. */
import type { WrittenMutant } from './mutant.ts';

const lights = 'actors/traffic';
const trials = ['flows'];

/** By the invariant that they break. */
export const trafficMutants: readonly WrittenMutant[] = [
  {
    name: 'traffic-answered-before-durable',
    file: `${lights}/decision-log.ts`,
    original: 'await this.#store.durable();\n        this.#head = head;',
    replacement: 'this.#head = head;',
    breaks: 'a decision is answered before it is on the disk',
    trials,
  },
  {
    name: 'traffic-copy-goes-on',
    file: `${lights}/decision-log.ts`,
    original:
      'return head.logId === logId && head.size >= size && rootAt(tileReader(store, head.epoch), size) === root;',
    replacement: 'return head.logId === logId && root.length > 0;',
    breaks: 'an older copy of a log is appended to below its anchor',
    trials,
  },
  {
    name: 'traffic-opened-on-old-state',
    file: `${lights}/traffic-light.ts`,
    original: 'if (record !== null && followed.time < state.startedAt)',
    replacement: 'if (record !== null && followed.time < 0 * state.startedAt)',
    breaks: 'a log is opened on a state from before its anchor',
    trials,
  },
  {
    name: 'traffic-old-state-passes',
    file: 'protocols/traffic/decide.ts',
    original: "...(time - stateTime > stateAgeMsMax ? ['stale'] : []),",
    replacement: "...(time - stateTime > 100 * stateAgeMsMax ? ['stale'] : []),",
    breaks: 'flows pass on a state of long ago',
    trials: ['flows, a stall'],
  },
  {
    name: 'traffic-court-not-obeyed',
    file: 'protocols/court/court-rules.ts',
    original: 'for (const tenant of tenants) this.#rulesOf(tenant).orders',
    replacement: 'for (const tenant of isSuspension ? [] : tenants) this.#rulesOf(tenant).orders',
    breaks: 'flows of a tenant that the court has suspended are let go',
    trials: ['flows of the suspended'],
  },
  {
    name: 'traffic-deadline-forgiven',
    file: 'protocols/traffic/quarantine.ts',
    original: "if (context.now > found.due) return refused(item, 'too-late');",
    replacement: "if (context.now < found.due - 1e9) return refused(item, 'too-late');",
    breaks: 'a proof that comes too late releases what is held',
    trials,
  },
  {
    name: 'traffic-nothing-lapses',
    file: `${lights}/light.ts`,
    original: 'else entries.push(...this.#apply(item, uponTime(item, now)));',
    replacement: 'else if (now < 0) entries.push(...this.#apply(item, uponTime(item, now)));',
    breaks: 'what is held stays held when its deadline is over',
    trials,
  },
  {
    name: 'traffic-request-forgotten',
    file: `${lights}/light.ts`,
    original: 'this.#memory.rememberRequest(aside, index);',
    replacement: '',
    breaks: 'a request that comes again is decided again',
    trials,
  },
  {
    name: 'traffic-facts-not-followed',
    file: `${lights}/light.ts`,
    original: 'this.#facts = facts;\n    this.#assessed.clear();',
    replacement: 'this.#facts = facts;',
    breaks: 'decisions of later blocks rest on what the state said before',
    trials: ['flows and changing policies', 'flows'],
  },
  {
    name: 'traffic-retired-rule-permits',
    file: 'protocols/policy/published.ts',
    original: 'retiredRules: retiredRules.filter((id) => permits.has(id)),',
    replacement: 'retiredRules: retiredRules.filter((id) => !permits.has(id)),',
    breaks: 'a rule that was retired permits as before',
    trials: ['flows and changing policies'],
  },
  {
    name: 'traffic-one-attests',
    file: 'protocols/ledger/modules/policies/policies.ts',
    original: 'if (count < rule.attestationsMin) return ok;',
    replacement: 'if (count < 1) return ok;',
    breaks: 'a policy set is in force on the word of one evaluator',
    trials: ['flows and changing policies'],
  },
];
