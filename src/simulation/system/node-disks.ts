/** The disks of one simulated node: they outlive its processes, and fail in the ways that disks do. */
import type { Clock } from '../../runtime/ports/clock.ts';
import type { Store, StoreErrorCode, StoreSchema } from '../../runtime/ports/store.ts';
import { MemoryDisk } from '../../runtime/simulated/memory-store.ts';
import type { SeededRandom } from '../../runtime/simulated/seeded-random.ts';
import type { TraceHash } from '../trace-hash.ts';

export interface NodeDisksOptions {
  readonly node: number;
  readonly trace: TraceHash;
  readonly random: SeededRandom;
  /** Time that a sync takes. */
  readonly syncMs: readonly [least: number, most: number];
  /** Of the life that asks: a sync ends within the process, which may be paused or gone by then. */
  readonly clock: () => Clock;
  /** A sync with something to write is about to begin, is half done, or has taken hold and nobody knows yet. */
  readonly onSync: (phase: EffectPhase) => void;
  /** Whether anybody wants to know of the half. */
  readonly isWatched: () => boolean;
  /** A sync ended badly. */
  readonly onRefused: (code: StoreErrorCode) => void;
}

export type EffectPhase = 'before' | 'during' | 'after';

export type DiskCopies = ReadonlyMap<string, MemoryDisk>;

export class NodeDisks {
  /** Syncs take up to so much longer. */
  extraSyncMs = 0;
  readonly #options: NodeDisksOptions;
  #disks = new Map<string, MemoryDisk>();
  /** How often all disks were lost. */
  #losses = 0;
  #failures = 0;
  #fillings = 0;

  constructor(options: NodeDisksOptions) {
    this.#options = options;
  }

  /** The disk of that name, made at its first opening. Throws StoreError as stores do at opening. */
  open(name: string, schema: StoreSchema): Store {
    let disk = this.#disks.get(name);
    if (disk === undefined) {
      disk = this.#create(name);
      this.#disks.set(name, disk);
    }
    return disk.open(schema);
  }

  /** The process dies; `keep` says how many of the commits since the last sync are there nevertheless. */
  crash(keep: (unsynced: number) => number): void {
    for (const disk of this.#disks.values()) disk.crash(keep);
  }

  /** Not while a store is open. */
  wipe(): void {
    this.#losses += 1;
    this.#disks = new Map();
  }

  copy(): DiskCopies {
    return new Map([...this.#disks].map(([name, disk]) => [name, disk.copy()]));
  }

  /** Not while a store is open. */
  restore(disks: DiskCopies): void {
    this.#disks = new Map(disks);
    for (const disk of this.#disks.values()) this.#afflict(disk);
  }

  /** Syncs fail from now on. Returns what ends that; stores that have met it stay closed to writes until reopened. */
  fail(): () => void {
    return this.#while((by) => (this.#failures += by));
  }

  /** Nothing more fits than what is there. Returns what makes room again. */
  fill(): () => void {
    return this.#while((by) => (this.#fillings += by));
  }

  #spend(durationMs: number): Promise<void> {
    const { clock, isWatched, onSync } = this.#options;
    return new Promise((resolve) => {
      if (!isWatched()) {
        clock().setTimer(durationMs, resolve);
        return;
      }
      clock().setTimer(durationMs / 2, () => {
        onSync('during');
        clock().setTimer(durationMs / 2, resolve);
      });
    });
  }

  #while(change: (by: 1 | -1) => void): () => void {
    const apply = (by: 1 | -1): void => {
      change(by);
      for (const disk of this.#disks.values()) this.#afflict(disk);
    };
    apply(1);
    return () => apply(-1);
  }

  /** Gives a disk the troubles of the node's device. */
  #afflict(disk: MemoryDisk): void {
    if (this.#failures > 0) disk.break();
    else disk.repair();
    const isFull = disk.capacityBytes !== Number.POSITIVE_INFINITY;
    if (this.#fillings === 0) disk.capacityBytes = Number.POSITIVE_INFINITY;
    else if (!isFull) disk.capacityBytes = disk.syncedBytes;
  }

  #create(name: string): MemoryDisk {
    const { node, trace, random, syncMs, onSync, onRefused } = this.#options;
    const durations = random.fork(`syncs of ${name} ${this.#losses}`);
    const [least, most] = syncMs;
    const disk = new MemoryDisk({
      onCommit: (writes) => trace.commit(node, writes),
      sync: () => {
        onSync('before');
        return this.#spend(least + durations.fraction() * (most - least + this.extraSyncMs));
      },
      onSynced: () => onSync('after'),
      onRefused,
    });
    this.#afflict(disk);
    return disk;
  }
}
