/** Whether a tab's peer is computing right now, as a signal: told by the peer when it starts, asked of it afterwards. */
import type { Driver } from '../../node/runtime/driver.ts';
import { WORK_CHECK_INTERVAL_MS } from './limits.ts';
import type { Signal } from './signals.ts';
import type { Timer } from './timer.ts';

export function workSignal(driver: Pick<Driver, 'subscribe' | 'view'>, timer: Timer): Signal<boolean> {
  return (tell) => {
    let cancel: (() => void) | undefined;
    const isWorking = (): boolean => driver.view().replicas.some(({ phase }) => phase === 'executing');
    const check = (): void => {
      const working = isWorking();
      cancel = working ? timer.after(WORK_CHECK_INTERVAL_MS, check) : undefined;
      tell(working);
    };
    const started = (): void => {
      if (cancel !== undefined) return;
      cancel = timer.after(WORK_CHECK_INTERVAL_MS, check);
      tell(true);
    };
    const unsubscribe = driver.subscribe((notification) => {
      if (notification.type === 'replica' && notification.phase === 'executing') started();
    });
    check();
    return () => {
      unsubscribe();
      cancel?.();
      cancel = undefined;
    };
  };
}
