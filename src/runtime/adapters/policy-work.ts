/** The work on policy sets, done where it is called: by a worker thread, or by whoever has none. */
import type { CheckReport, DiffReport, PolicyWork, Study, WorkName } from '../../actors/policy/workshop.ts';
import { analyse, differencesOf } from '../../protocols/policy/analysis.ts';
import { compilePolicySet, type CompiledSet } from '../../protocols/policy/compile.ts';
import { decodeContent, namesOf } from '../../protocols/policy/content.ts';
import { evaluateRequest } from '../../protocols/policy/evaluate.ts';
import { explainRequest } from '../../protocols/policy/explain.ts';
import { compilePublished, readPublished } from '../../protocols/policy/published.ts';
import type { PolicySet } from '../../protocols/policy/policy-set.ts';
import { prepareCedarRules, validatePolicySet } from './cedar.ts';
import { checkEquality } from './cedar-equality.ts';

type Job<Name extends WorkName> = PolicyWork[Name]['job'];

const outsideIds = ({ outside, set }: CompiledSet): readonly string[] =>
  outside.flatMap((index) => set.rules[index]?.id ?? []);

function check({ bytes, asOf, random, seed }: Job<'check'>): CheckReport {
  const content = decodeContent(bytes);
  const { set, facts } = content;
  const compiled = compilePolicySet(set, facts, asOf ?? content.asOf);
  const head = {
    names: namesOf(content, bytes),
    ...{ compiledHash: compiled.compiledHash, validUntil: compiled.validUntil, regimes: compiled.regimes },
    ...{ rules: set.rules.length, analysis: analyse(compiled) },
  };
  const invalid = validatePolicySet(set);
  if (invalid.length > 0) return { ...head, invalid, compared: 0, mismatches: [] };
  const cedar = prepareCedarRules(set);
  try {
    const equality = checkEquality(compiled, cedar, { random, seed });
    return {
      ...head,
      invalid,
      compared: equality.matchSets + equality.boundaries + equality.countries + equality.random,
      mismatches: equality.mismatches.map(
        ({ compiled: ours, cedar: theirs }) => `compiled says ${ours.join(' ')}, Cedar says ${theirs.join(' ')}`,
      ),
    };
  } finally {
    cedar.close();
  }
}

function diff({ before, after, asOf }: Job<'diff'>): DiffReport {
  const [first, second] = [before, after].map((bytes) => {
    const content = decodeContent(bytes);
    const compiled = compilePolicySet(content.set, content.facts, asOf ?? content.asOf);
    return { compiled, names: namesOf(content, bytes) };
  }) as [{ compiled: CompiledSet; names: DiffReport['before'] }, { compiled: CompiledSet; names: DiffReport['after'] }];
  return {
    before: first.names,
    after: second.names,
    differences: differencesOf(first.compiled, second.compiled),
    outside: [...outsideIds(first.compiled), ...outsideIds(second.compiled)],
  };
}

const onlyOutside = (set: PolicySet, { outside }: CompiledSet): PolicySet => ({
  ...set,
  rules: set.rules.filter((_, index) => outside.includes(index)),
});

function study(job: Job<'study'>): Study {
  const { base, tightened } = compilePublished(job);
  const compiled = tightened ?? base;
  const cedar = compiled.outside.length === 0 ? null : prepareCedarRules(onlyOutside(compiled.set, compiled));
  try {
    const options = { today: job.today, ...(cedar === null ? {} : { outside: cedar.matching }) };
    return {
      ...explainRequest(compiled, job.request, options),
      result: evaluateRequest(compiled, job.request, options),
      compiledHash: base.compiledHash,
    };
  } finally {
    cedar?.close();
  }
}

const work: { readonly [Name in WorkName]: (job: Job<Name>) => PolicyWork[Name]['result'] } = {
  ...{ compile: compilePublished, check, diff, study },
  facts: ({ bytes, names }) => readPublished(bytes, names).facts,
};

/** Throws PolicyError. */
export const doPolicyWork = <Name extends WorkName>(name: Name, job: Job<Name>): PolicyWork[Name]['result'] =>
  work[name](job);
