/** What is wrong with a layer of an image, as an archive or as a change of a tree. */
import { CodedError } from '../shared/errors.ts';
import type { LayerErrorCode } from '../shared/images.ts';

/** `details.entry` is the name as the layer has it, where there is one. */
export class LayerError extends CodedError<LayerErrorCode> {
  override readonly name = 'LayerError';
}

/** Names come from strangers: what a person is shown of one is short and prints. */
export function shownName(name: string): string {
  const printable = name.replaceAll(/[^\x20-\x7e\u00a1-\uffff]/gu, '\ufffd');
  return printable.length > 120 ? `${printable.slice(0, 117)}…` : printable;
}

export const layerError = (code: LayerErrorCode, entry: string, message: string): LayerError =>
  new LayerError(code, `${shownName(entry)}: ${message}`, { details: { entry: shownName(entry) } });
