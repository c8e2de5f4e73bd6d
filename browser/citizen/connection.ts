/**
 * Network Information API. Chromium has `saveData`, and `type` on phones and Chromebooks only; Firefox and Safari have
 * neither, and then nothing is known.
 *
 * Not exercised by this project: a real cellular or tethered connection, and the system's data saver. A desktop's
 * Chromium tells `saveData: false` and no type; the rest is tested with a connection of the tests.
 */
import type { Signal } from './signals.ts';

/** `NetworkInformation`, of which TypeScript's DOM library knows only `type`. */
export interface ConnectionLike extends EventTarget {
  readonly saveData?: boolean;
  readonly type?: string;
}

export interface ConnectionNavigator {
  readonly connection?: ConnectionLike;
}

/** Bluetooth is a phone's tethering. */
const METERED_TYPES: readonly (string | undefined)[] = ['cellular', 'bluetooth', 'wimax'];

export function meteredSignal({ connection }: ConnectionNavigator): Signal<boolean | undefined> {
  return (tell) => {
    if (connection === undefined) {
      tell(undefined);
      return () => undefined;
    }
    const told = (): void => tell(isMetered(connection));
    connection.addEventListener('change', told);
    told();
    return () => connection.removeEventListener('change', told);
  };
}

function isMetered({ saveData, type }: ConnectionLike): boolean | undefined {
  if (saveData === undefined && type === undefined) return undefined;
  return saveData === true || METERED_TYPES.includes(type);
}
