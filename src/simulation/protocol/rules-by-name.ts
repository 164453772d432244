/** The rules that a saved schedule names. */
import { ibft1Rules } from './ibft-1.0/machine.ts';
import type { ProtocolRuleName } from './schedule.ts';
import { productionRules, type Rules } from './setting.ts';

const rulesByName: Readonly<Record<ProtocolRuleName, Rules>> = { production: productionRules, 'ibft-1.0': ibft1Rules };

export const rulesOf = (name: ProtocolRuleName): Rules => rulesByName[name];
