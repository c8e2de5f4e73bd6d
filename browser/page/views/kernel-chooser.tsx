/**
 * One of the kernels: as cards that say what each is for where there is room for them, and on a phone as a list that
 * opens, with the words of the chosen one, since what has to be filled in comes after it.
 */
import type { JSX } from 'preact';

export interface KernelOption {
  readonly value: string;
  readonly title: string;
  readonly purpose: string;
}

export function KernelChooser(props: {
  readonly options: readonly KernelOption[];
  readonly chosen: string | undefined;
  readonly choose: (value: string) => void;
}): JSX.Element {
  const { options, chosen, choose } = props;
  return (
    <>
      <div class="kernels" role="radiogroup" aria-label="Kernel">
        {options.map(({ value, title, purpose }) => (
          <label key={value} class="kernel">
            <input type="radio" name="kernel" value={value} checked={chosen === value} onChange={() => choose(value)} />
            <span class="kernel-title">{title}</span>
            <span class="note">{purpose}</span>
          </label>
        ))}
      </div>
      <div class="field kernel-list">
        <select
          aria-label="Kernel"
          aria-describedby="kernel-purpose"
          value={chosen}
          onChange={(event) => choose(event.currentTarget.value)}
        >
          {options.map(({ value, title }) => (
            <option key={value} value={value}>
              {title}
            </option>
          ))}
        </select>
        <span id="kernel-purpose" class="note">
          {options.find(({ value }) => value === chosen)?.purpose}
        </span>
      </div>
    </>
  );
}
