/** Names in layers: what a path may look like before anything is looked up. */
import type { LayerErrorCode } from '../shared/images.ts';
import { layerError } from './layer-error.ts';

/** Of one name: what file systems take. */
const nameBytesMax = 255;
/** Of a whole path. The kernel takes 4,095 with the path of the tree before it. */
const pathBytesMax = 2_048;
const depthMax = 256;

const encoder = new TextEncoder();
const exceeds = (text: string, bytesMax: number): boolean =>
  text.length > bytesMax || (text.length * 3 > bytesMax && encoder.encode(text).length > bytesMax);

export function checkPathLength(path: string, entry: string): void {
  if (exceeds(path, pathBytesMax))
    throw layerError('name-too-long', entry, `a path of more than ${pathBytesMax} bytes`);
}

/** Empty for the root itself. `escapes` is the code for a path that is absolute or goes up. Throws LayerError. */
export function splitPath(path: string, entry: string, escapes: LayerErrorCode): readonly string[] {
  if (path.startsWith('/')) throw layerError(escapes, entry, `an absolute path`);
  checkPathLength(path, entry);
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '' || name === '.') continue;
    if (name === '..') throw layerError(escapes, entry, 'a path that goes up with ..');
    if (exceeds(name, nameBytesMax))
      throw layerError('name-too-long', entry, `a name of more than ${nameBytesMax} bytes`);
    names.push(name);
  }
  if (names.length > depthMax) throw layerError('path-too-deep', entry, `more than ${depthMax} directories deep`);
  return names;
}
