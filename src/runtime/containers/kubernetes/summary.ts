/** The kubelet's summary of a node: what a pod used. Shape: `GET /stats/summary` of the kubelet. */
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { ResourceUsage } from '../../../protocols/shared/containers.ts';

const summary = Type.Object({
  pods: Type.Array(
    Type.Object({
      podRef: Type.Object({ uid: Type.String() }),
      cpu: Type.Optional(Type.Object({ usageCoreNanoSeconds: Type.Optional(Type.Number()) })),
      memory: Type.Optional(Type.Object({ workingSetBytes: Type.Optional(Type.Number()) })),
      process_stats: Type.Optional(Type.Object({ process_count: Type.Optional(Type.Number()) })),
    }),
  ),
});

/** Null where the node tells nothing of it. The peak is what it uses now: nodes remember none. */
export function usageIn(answer: unknown, uid: string): ResourceUsage | null {
  if (!Value.Check(summary, answer)) return null;
  const pod = answer.pods.find(({ podRef }) => podRef.uid === uid);
  const cpu = pod?.cpu?.usageCoreNanoSeconds;
  const memoryBytes = pod?.memory?.workingSetBytes;
  if (cpu === undefined || memoryBytes === undefined) return null;
  const pids = pod?.process_stats?.process_count ?? 0;
  return {
    cpuMicroseconds: Math.floor(cpu / 1000),
    memoryBytes,
    memoryPeakBytes: memoryBytes,
    pids,
    oomKills: 0,
    pidsRefused: 0,
  };
}
