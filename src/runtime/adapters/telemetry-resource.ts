/** Who sends: an OpenTelemetry resource with fixed attributes and no detection of the environment. */
import type { MeterProviderOptions } from '@opentelemetry/sdk-metrics';

type Resource = NonNullable<MeterProviderOptions['resource']>;

export function fixedResource(attributes: Readonly<Record<string, string>>): Resource {
  const resource: Resource = {
    asyncAttributesPending: false,
    attributes: { ...attributes },
    merge: (other) =>
      other === null ? resource : fixedResource({ ...attributes, ...(other.attributes as Record<string, string>) }),
    getRawAttributes: () => Object.entries(attributes),
  };
  return resource;
}
