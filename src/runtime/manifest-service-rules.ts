/** What a manifest must satisfy where it launches services. */
import { isOfChain, type PlannedNode } from './manifest-expand.ts';
import { firstReplicas, report, type RuleContext } from './manifest-rule-context.ts';
import { type ServiceRole, serviceRoleNames } from './manifest-services.ts';

export function checkServices(context: RuleContext): void {
  for (const node of firstReplicas(context.nodes)) {
    checkLinks(context, node);
    if (node.service !== null) checkService(context, node, node.service.role);
    checkSections(context, node);
  }
}

function checkLinks(context: RuleContext, node: PlannedNode): void {
  const path = `${node.path}.ports.link`;
  if (isOfChain(node) && node.linkPort === null && !context.isWritten(path)) {
    report(context, 'missing-field', path, {
      message: `${node.name} is of the chain and has no port for links`,
      allowed: 'a whole number from 1 to 65535',
    });
  }
  if (node.service !== null && node.linkPort !== null) {
    report(context, 'contradiction', path, {
      message: `${node.name} is a service, which has no links`,
      found: String(node.linkPort),
      allowed: 'ports.api alone',
    });
  }
}

function checkService(context: RuleContext, node: PlannedNode, role: ServiceRole): void {
  if (node.roles.length > 1) {
    report(context, 'contradiction', `${node.path}.roles`, {
      message: `${node.name} is a service and something else`,
      found: node.roles.join(', '),
      allowed: `${role} alone; nodes that name the same process share it`,
    });
  }
  if (node.apiPort === null && !context.isWritten(`${node.path}.ports.api`)) {
    report(context, 'missing-field', `${node.path}.ports.api`, {
      message: `${node.name} is a service and has no API port`,
      allowed: 'a whole number from 1 to 65535',
    });
  }
  if (!context.nodes.some((other) => isOfChain(other) && other.apiPort !== null)) {
    report(context, 'contradiction', `${node.path}.roles`, {
      message: `no node of the chain serves the API that ${node.name} follows`,
      found: role,
      allowed: 'ports.api on a validator or a follower',
    });
  }
}

/** A section of a role that the node does not have would be ignored. */
function checkSections(context: RuleContext, node: PlannedNode): void {
  const index = Number(/\d+/.exec(node.path)?.[0] ?? -1);
  const draft = context.draft.spec?.nodes?.[index];
  for (const role of serviceRoleNames) {
    if (draft?.[role] === null || draft?.[role] === undefined || node.roles.includes(role)) continue;
    report(context, 'contradiction', `${node.path}.${role}`, {
      message: `${node.name} has settings of a role that it does not have`,
      found: role,
      allowed: `roles: [${role}], or no section ${role}`,
    });
  }
}
