/** What images are called: by digest, by name, or both. */

/** `sha256:` and 64 lower-case hexadecimal digits. */
export const isImageDigest = (text: string): boolean => /^sha256:[0-9a-f]{64}$/u.test(text);

/** Parts of lower-case letters and digits, as registries name repositories; a tag may follow. */
const name =
  /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?$/u;

export const isImageName = (text: string): boolean => text.length <= 255 && name.test(text);

export interface ImageReference {
  /** null: any. */
  readonly name: string | null;
  /** null: the one that the name stands for. */
  readonly digest: string | null;
}

/** Of `name@sha256:…`, `sha256:…` or `name`; null for anything else. */
export function parseImageReference(text: string): ImageReference | null {
  if (isImageDigest(text)) return { name: null, digest: text };
  const at = text.indexOf('@');
  if (at === -1) return isImageName(text) ? { name: text, digest: null } : null;
  const [before, digest] = [text.slice(0, at), text.slice(at + 1)];
  return isImageName(before) && isImageDigest(digest) ? { name: before, digest } : null;
}

/** What an image from this file or directory is called unless somebody says; null where that is no name. */
export function nameOfSource(path: string): string | null {
  const last = path.split('/').findLast((part) => part !== '' && part !== '.') ?? '';
  const shortened = last
    .toLowerCase()
    .replace(/\.(?:tar|oci|oci\.tar)$/u, '')
    .replace(/[-_.]oci$/u, '');
  return isImageName(shortened) && !shortened.includes(':') ? shortened : null;
}
