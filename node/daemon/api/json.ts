/** JSON as the API and `--json` write it: bytes as lower-case hex, everything else as it is. */
import { toHex } from '../../protocol/bytes.ts';

export function toJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, (_key, item: unknown) => (item instanceof Uint8Array ? toHex(item) : item), indent);
}
