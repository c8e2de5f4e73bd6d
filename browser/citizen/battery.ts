/**
 * Battery Status API. Chromium has it, in secure contexts; Firefox and Safari do not, and then nothing is known.
 *
 * Not exercised by this project: a machine with a battery. Where there is none Chromium tells `charging`, level 1, and
 * no change ever; changes are tested with a manager of the tests.
 */
import type { BatteryReading, Signal } from './signals.ts';

/** `BatteryManager`, which TypeScript's DOM library lacks. */
export interface BatteryManagerLike extends EventTarget {
  readonly charging: boolean;
  readonly level: number;
}

export interface BatteryNavigator {
  getBattery?(): Promise<BatteryManagerLike>;
}

const CHANGES = ['chargingchange', 'levelchange'];

export function batterySignal(navigator: BatteryNavigator): Signal<BatteryReading | undefined> {
  return (tell) => {
    let stop: (() => void) | undefined;
    let stopped = false;
    const watch = (manager: BatteryManagerLike): void => {
      if (stopped) return;
      const told = (): void => tell({ charging: manager.charging, level: manager.level });
      for (const change of CHANGES) manager.addEventListener(change, told);
      stop = () => {
        for (const change of CHANGES) manager.removeEventListener(change, told);
      };
      told();
    };
    if (navigator.getBattery === undefined) tell(undefined);
    // A permissions policy may forbid it: then it is as if the browser had none.
    else navigator.getBattery().then(watch, () => stopped || tell(undefined));
    return () => {
      stopped = true;
      stop?.();
    };
  };
}
