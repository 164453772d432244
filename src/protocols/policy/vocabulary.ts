/**
 * The words that a request may use. Closed lists: a word that is not here is refused, in requests and in policies, so that a
 * misspelt safeguard is an error and never a safeguard that silently does not count.
 */

export const operations = ['collect', 'store', 'process', 'transfer', 'disclose', 'delete', 'backup', 'train'] as const;

export const classifications = ['Public', 'Internal', 'Confidential', 'Restricted'] as const;

export const contentKinds = [
  'personal',
  'special-category',
  'phi',
  'pci',
  'financial',
  'children',
  'non-personal',
] as const;

export const purposes = [
  'service-provision',
  'treatment',
  'payment',
  'security',
  'research',
  'analytics',
  'marketing',
  'sale-or-sharing',
  'law-enforcement',
  'other',
] as const;

/** Grounds on which the flow is based: those of GDPR Art. 6, and the instruments of a transfer. */
export const bases = [
  'consent',
  'contract',
  'legal-obligation',
  'vital-interest',
  'public-task',
  'legitimate-interest',
  'dpf',
  'scc',
  'bcr',
  'derogation',
  'treaty',
  'uk-data-bridge',
  'uk-idta',
  'uk-addendum',
  'uk-bcr',
  'swiss-dpf',
  'swiss-clauses',
  'swiss-bcr',
  'pipl-standard-contract',
  'pipl-certification',
] as const;
export type Basis = (typeof bases)[number];

/** What protects the data. More of them never makes a state worse (tested). */
export const safeguards = [
  'encryption-in-transit',
  'encryption-at-rest',
  'exporter-held-keys',
  'pseudonymised',
  'monitoring',
  'transfer-impact-assessment',
  'dpia',
  'article-9-condition',
  'separate-consent',
  'personal-information-impact-assessment',
  'cac-assessment',
  'business-associate-agreement',
  'de-identification-method',
  'ca-risk-assessment',
  'onward-transfer-ban',
  'cisa-security-requirements',
  'ru-first-storage',
  'residency-agreement',
] as const;

/** What is known of who receives the data. */
export const recipientKinds = [
  'commercial-organisation',
  'needs-clear-text',
  'foreign-authority',
  'covered-person',
  'business-associate',
  'treatment-provider',
  'european-patent-organisation',
] as const;

/** What else decides. */
export const circumstances = [
  'repetitive',
  'critical-infrastructure',
  'important-data',
  'significant-fiduciary',
  'opt-out',
  'soc2-scope',
  'de-identified',
  'data-brokerage',
  'vendor-agreement',
  'employment-agreement',
  'investment-agreement',
  'government-related',
] as const;

/** Numbers of persons, declared by the caller, never deduplicated; PIPL since 1 January at UTC+08:00, the others over twelve monthly buckets. */
export const counterNames = [
  'piplPersons',
  'piplSensitivePersons',
  'bulkHumanGenomic',
  'bulkOtherOmic',
  'bulkBiometric',
  'bulkGeolocation',
  'bulkHealth',
  'bulkFinancial',
  'bulkIdentifiers',
] as const;
export type CounterName = (typeof counterNames)[number];

/** Why the engine itself refuses, whatever the policies say. */
export const engineFaults = ['error', 'expired-fact', 'time-out', 'not-ready', 'contradictory', 'suspended'] as const;
export type EngineFault = (typeof engineFaults)[number];

/** What a recipient's certificates say, from the fact set: `X-withdrawn` where the fact set names the recipient and it no longer holds. */
export const certificationSchemes = ['dpf', 'uk-data-bridge', 'swiss-dpf'] as const;

/**
 * Identifiers of the Data Privacy Vocabulary 2.3 and its legal extensions that name the same bases.
 */
export const dpvBases: ReadonlyMap<string, Basis> = new Map([
  ['dpv:Consent', 'consent'],
  ['dpv:Contract', 'contract'],
  ['dpv:LegalObligation', 'legal-obligation'],
  ['dpv:VitalInterest', 'vital-interest'],
  ['dpv:PublicInterest', 'public-task'],
  ['dpv:LegitimateInterest', 'legitimate-interest'],
  ['eu-gdpr:A6-1-a', 'consent'],
  ['eu-gdpr:A6-1-b', 'contract'],
  ['eu-gdpr:A6-1-c', 'legal-obligation'],
  ['eu-gdpr:A6-1-d', 'vital-interest'],
  ['eu-gdpr:A6-1-e', 'public-task'],
  ['eu-gdpr:A6-1-f', 'legitimate-interest'],
  ['eu-gdpr:A46-2-b', 'bcr'],
  ['eu-gdpr:A46-2-c', 'scc'],
  ['eu-gdpr:A48', 'treaty'],
  ['eu-gdpr:A49-1-a', 'derogation'],
  ['eu-gdpr:A49-1-b', 'derogation'],
  ['eu-gdpr:A49-1-c', 'derogation'],
  ['eu-gdpr:A49-1-d', 'derogation'],
  ['eu-gdpr:A49-1-e', 'derogation'],
  ['eu-gdpr:A49-1-f', 'derogation'],
] as const);
