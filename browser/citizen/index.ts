/** The good citizen of a tab, as a page uses it: `createCitizen({ capacity, signals: browserSignals(), storage, work })`. */
export { browserSignals } from './browser-signals.ts';
export { type Citizen, type CitizenParts, type CitizenState, createCitizen } from './citizen.ts';
export { DEFAULT_PREFERENCES, type Preferences } from './preferences.ts';
export type { Signals } from './signals.ts';
export { pageTimer } from './timer.ts';
export { workSignal } from './work.ts';
