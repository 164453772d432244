/** Ports for tests of programs that embed the package: time, randomness, disk and network that do only what they are told. */
export { MemoryDisk, type MemoryDiskOptions } from './runtime/simulated/memory-store.ts';
export { type Conditions, PipeNetwork, type PipeNetworkOptions } from './runtime/simulated/pipe-transport.ts';
export { SeededRandom } from './runtime/simulated/seeded-random.ts';
export { VirtualClock } from './runtime/simulated/virtual-clock.ts';
