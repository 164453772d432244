/** What an image may cost this machine before it is refused. */
export interface ImageLimits {
  /** Of an archive of a layout, and of the blobs of one image. */
  readonly imageBytesMax: number;
  /** Of one layer as it is stored. */
  readonly layerBytesMax: number;
  /** Of all layers, unpacked. */
  readonly unpackedBytesMax: number;
  /** What a layer may grow by when it is unpacked, once it has come to `ratioFreeBytes`. */
  readonly ratioMax: number;
  readonly ratioFreeBytes: number;
  readonly layersMax: number;
  /** Entries of all layers. */
  readonly entriesMax: number;
  /** The greatest number of a user or group. */
  readonly ownerMax: number;
  readonly unpackMs: number;
}

const mebibyte = 1 << 20;
const gibibyte = 1 << 30;

export const defaultImageLimits: ImageLimits = {
  imageBytesMax: 8 * gibibyte,
  layerBytesMax: 4 * gibibyte,
  unpackedBytesMax: 16 * gibibyte,
  ratioMax: 200,
  ratioFreeBytes: 64 * mebibyte,
  layersMax: 127,
  entriesMax: 500_000,
  ownerMax: 65_535,
  unpackMs: 600_000,
};

/** Of an index, a manifest and a configuration, as registries take them. */
export const documentBytesMax = 4 * mebibyte;
