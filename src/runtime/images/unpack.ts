/** Layers, from the lowest up, into one directory. Runs in a process of its own: `unpack-process.ts`. */
import { LayerTree } from '../../protocols/docklock/layer-tree.ts';
import { TarReader } from '../../protocols/docklock/tar-reader.ts';
import { ImageError } from '../ports/image-store.ts';
import { readLayer } from './layer-stream.ts';
import { toImageError } from './system-failure.ts';
import { type Owners, TreeWriter } from './tree-writer.ts';
import type { UnpackOrder, Unpacked } from './unpack-order.ts';

function ownersOf({ idRange }: UnpackOrder): Owners {
  if (process.geteuid?.() !== 0) return { kind: 'own' };
  return { kind: 'shifted', first: idRange?.first ?? 0 };
}

/** Throws ImageError, whose `details` name the layer and the entry. What was made of the target is then of no use. */
export async function unpack(order: UnpackOrder): Promise<Unpacked> {
  const { limits, idRange } = order;
  const ownerMax = idRange === null ? limits.ownerMax : Math.min(limits.ownerMax, idRange.count - 1);
  const tree = new LayerTree({ entriesMax: limits.entriesMax, ownerMax });
  const writer = new TreeWriter(order.target, ownersOf(order));
  let budget = limits.unpackedBytesMax;
  try {
    for (const [index, layer] of order.layers.entries()) {
      tree.beginLayer();
      const reader = new TarReader({
        entry: (entry) => {
          for (const change of tree.apply(entry)) writer.change(change);
        },
        data: (bytes) => writer.data(bytes),
        entryEnd: () => writer.entryEnd(),
      });
      try {
        budget -= await readLayer(layer, limits, budget, (bytes) => reader.push(bytes));
        reader.end();
      } catch (cause) {
        throw inLayer(toImageError(cause, 'unpacking a layer'), index);
      }
    }
    for (const { path, attributes } of tree.directories()) writer.finishDirectory(path, attributes);
  } finally {
    writer.close();
  }
  return { entries: tree.entries, bytes: tree.bytes, notes: tree.notes };
}

function inLayer(error: unknown, layer: number): unknown {
  if (!(error instanceof ImageError)) return error;
  return new ImageError(error.code, `layer ${layer}: ${error.message}`, {
    cause: error,
    details: { ...error.details, layer },
  });
}
