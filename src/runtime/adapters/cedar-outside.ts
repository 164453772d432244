/**
 * The rules of a mixed set that bitmaps cannot express, asked of Cedar: preparsed once, each input asked once while it is remembered.
 * Whatever goes wrong is a failure, which is Red. Without a shard for each source: these are the few rules outside the subset.
 */
import type { OutsideEngine } from '../../actors/policy/policy-library.ts';
import type { OutsideRules } from '../../protocols/policy/evaluate.ts';
import type { FactView, PolicyInput } from '../../protocols/policy/input.ts';
import { prepareCedarRules } from './cedar.ts';

/** Inputs remembered for one set of facts. */
const rememberedMax = 4096;

type Answer = ReturnType<OutsideRules>;

function askOrFail(ask: () => Answer): Answer {
  try {
    return ask();
  } catch {
    return { matched: [], failed: true };
  }
}

/** Throws where Cedar does not take the rules, before anything is decided with them. */
export const prepareOutside: OutsideEngine = ({ schema }, rules) => {
  const cedar = prepareCedarRules({ schema, rules });
  const remembered = new WeakMap<FactView, Map<string, Answer>>();
  const matching = (input: PolicyInput, facts: FactView): Answer => {
    const known = remembered.get(facts) ?? new Map<string, Answer>();
    remembered.set(facts, known);
    const key = JSON.stringify([input.texts, input.sets, input.counters]);
    const found = known.get(key);
    if (found !== undefined) return found;
    const answer = askOrFail(() => cedar.matching(input, facts));
    const [oldest] = known.keys();
    if (known.size >= rememberedMax && oldest !== undefined) known.delete(oldest);
    known.set(key, answer);
    return answer;
  };
  return { matching, close: () => cedar.close() };
};
