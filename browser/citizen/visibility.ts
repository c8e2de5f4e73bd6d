/** Page Visibility: hidden is a tab in the background, a minimised window, or a locked screen. */
import type { Signal } from './signals.ts';

export type VisibilityDocument = Pick<Document, 'addEventListener' | 'removeEventListener'> & {
  readonly visibilityState: string;
};

export function hiddenSignal(document: VisibilityDocument): Signal<boolean> {
  return (tell) => {
    const told = (): void => tell(document.visibilityState === 'hidden');
    document.addEventListener('visibilitychange', told);
    told();
    return () => document.removeEventListener('visibilitychange', told);
  };
}
