/** Bytes as base64, in a browser as outside of one. */

/** A call takes so many arguments everywhere. */
const PART = 8_192;

export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += PART) text += String.fromCharCode(...bytes.subarray(at, at + PART));
  return btoa(text);
}
