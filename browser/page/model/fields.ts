/** A kernel's arguments as fields of a form, and what was typed as a submission's arguments. */
import type { KernelManifest } from '../../../node/sdk/manifest.ts';

export interface Field {
  readonly name: string;
  /** `centreX` → `Centre x` */
  readonly label: string;
  readonly hint: string;
  readonly isRequired: boolean;
  readonly isWhole: boolean;
  readonly placeholder: string;
}

export function fieldsOf(manifest: Pick<KernelManifest, 'parameters' | 'arguments'>): readonly Field[] {
  return [...manifest.parameters, ...(manifest.arguments ?? [])].map((spec) => {
    const { name, type, description, min, max } = spec;
    const range = min === undefined || max === undefined ? '' : ` From ${grouped(min)} to ${grouped(max)}.`;
    return {
      name,
      label: labelOf(name),
      hint: `${description}${range}`,
      isRequired: spec.default === undefined,
      isWhole: type !== 'f64',
      placeholder: spec.default === undefined ? '' : String(spec.default),
    };
  });
}

/** Why this cannot be the value of the field; undefined where it can. The daemon checks ranges and says so in words. */
export function problemOf(field: Field, text: string): string | undefined {
  const typed = text.trim();
  if (typed === '') return field.isRequired ? `${field.label} is needed.` : undefined;
  if (field.isWhole) {
    const isWhole = /^-?\d{1,20}(?:[eE]\+?\d{1,2})?$/.test(typed.replaceAll(/[_ ]/g, ''));
    return isWhole ? undefined : `${field.label} must be a whole number, such as 1000000 or 1e6.`;
  }
  return Number.isFinite(Number(typed)) ? undefined : `${field.label} must be a number.`;
}

/** Without what was left empty: the manifest's defaults apply there. */
export function argumentsOf(fields: readonly Field[], typed: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries(
    fields.flatMap(({ name, isWhole }) => {
      const text = (typed.get(name) ?? '').trim();
      return text === '' ? [] : [[name, isWhole ? text.replaceAll(' ', '') : text]];
    }),
  );
}

function labelOf(name: string): string {
  const words = name.replaceAll(/([A-Z])/g, ' $1').toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function grouped(value: number | string): string {
  const number = Number(value);
  return Math.abs(number) >= 10_000 && Number.isSafeInteger(number) ? number.toLocaleString('en') : String(value);
}
