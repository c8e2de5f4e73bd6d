/** Gives the network work: choose a kernel, see what it may touch, fill in its arguments, submit. */
import { type Signal, useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import type { KernelManifest } from '../../../node/sdk/manifest.ts';
import { sortDropped } from '../model/dropped.ts';
import { argumentsOf, type Field, fieldsOf, problemOf } from '../model/fields.ts';
import { checkModuleSize } from '../model/module-size.ts';
import { touchOfKernel } from '../model/touch.ts';
import { bytes } from '../model/words.ts';
import type { KernelEntry, PageSubmission } from '../peer-source.ts';
import type { PageState } from '../state.ts';
import type { ViewProps } from './app.tsx';
import { DropArea } from './drop-area.tsx';
import { KernelChooser, type KernelOption } from './kernel-chooser.tsx';
import { Facts, Panel } from './parts.tsx';

/** A kernel that can be submitted: built in, or the two files somebody chose. */
export interface Choice {
  readonly entry: KernelEntry;
  readonly kernel: PageSubmission['kernel'];
}

interface OwnFiles {
  readonly wasm?: File;
  readonly manifest?: File;
}

const OWN = 'own';
const OWN_OPTION: KernelOption = {
  value: OWN,
  title: 'Your own',
  purpose: 'A WebAssembly module and its kernel.json from your disk.',
};

export function SubmitPage({ state }: ViewProps): JSX.Element {
  const { source } = state;
  const kernels = useSignal<readonly KernelEntry[] | undefined>(undefined);
  const chosen = useSignal<string | undefined>(undefined);
  const ownFiles = useSignal<OwnFiles>({});
  const own = useSignal<Choice | undefined>(undefined);
  /** What the kernel reads; it stays when another kernel is chosen. */
  const data = useSignal<File | undefined>(undefined);
  useEffect(() => {
    void state.attempt('The kernels cannot be listed', async () => {
      kernels.value = await source.kernels?.();
      chosen.value ??= kernels.value?.[0]?.manifest.name;
    });
  }, [state, source, kernels, chosen]);
  const builtIn = kernels.value?.find(({ manifest }) => manifest.name === chosen.value);
  const options: readonly KernelOption[] = [
    ...(kernels.value ?? []).map(({ manifest: { name, title, purpose } }) => ({ value: name, title, purpose })),
    ...(source.inspect === undefined ? [] : [OWN_OPTION]),
  ];
  const choice =
    chosen.value === OWN ? own.value : builtIn && { entry: builtIn, kernel: { name: builtIn.manifest.name } };
  const takeOwn = async (change: OwnFiles): Promise<void> => {
    const files = { ...ownFiles.value, ...change };
    ownFiles.value = files;
    own.value = undefined;
    const { wasm, manifest } = files;
    if (wasm === undefined || manifest === undefined) return;
    const found = await state.attempt('This kernel cannot be used', () => readOwn(state, wasm, manifest));
    if (ownFiles.value === files) own.value = found;
  };
  const takeDropped = (files: readonly File[]): Promise<unknown> =>
    state.attempt('These files cannot be used', async () => {
      const { data: read, ...kernelFiles } = sortDropped(files);
      if (read !== undefined) data.value = read;
      if (Object.keys(kernelFiles).length === 0) return;
      if (source.inspect === undefined) throw new Error('this page may only submit the kernels listed here');
      chosen.value = OWN;
      await takeOwn(kernelFiles);
    });
  return (
    <>
      <DropArea
        text="Drop the file to compute on, or a kernel of your own: its .wasm and its kernel.json"
        onFiles={(files) => void takeDropped(files)}
      />
      <section class="page-head">
        <h1 tabIndex={-1}>New job</h1>
        <p class="purpose">
          Choose what is to be computed. The peers of your network share the work, check each other, and you get one
          result with the number of peers that stand behind it.
        </p>
      </section>
      <Panel title="Kernel">
        <KernelChooser
          options={options}
          chosen={chosen.value}
          choose={(value) => {
            chosen.value = value;
          }}
        />
        {chosen.value === OWN && <OwnKernel files={ownFiles.value} onFiles={(change) => void takeOwn(change)} />}
      </Panel>
      {choice !== undefined && (
        <div class="columns columns-form">
          <ArgumentForm key={choice.entry.cid} state={state} choice={choice} file={data} />
          <Panel title="What it may touch">
            <Facts facts={touchOfKernel(choice.entry)} />
          </Panel>
        </div>
      )}
    </>
  );
}

function OwnKernel({ files, onFiles }: { readonly files: OwnFiles; readonly onFiles: (change: OwnFiles) => void }) {
  const { wasm, manifest } = files;
  const missing = 'It is still missing: choose it, or drop it on this page.';
  return (
    <div class="own-kernel">
      <FileField
        id="own-wasm"
        label="Module"
        hint="A .wasm file"
        accept=".wasm,application/wasm"
        chosen={wasm}
        problem={wasm === undefined && manifest !== undefined ? missing : undefined}
        onFile={(file) => onFiles(file === undefined ? {} : { wasm: file })}
      />
      <FileField
        id="own-manifest"
        label="Manifest"
        hint="Its kernel.json"
        accept=".json,application/json"
        chosen={manifest}
        problem={manifest === undefined && wasm !== undefined ? missing : undefined}
        onFile={(file) => onFiles(file === undefined ? {} : { manifest: file })}
      />
    </div>
  );
}

/** Reads both files and has the module looked at. */
async function readOwn({ source }: PageState, wasm: File, manifest: File): Promise<Choice> {
  checkModuleSize(wasm);
  const bytes = new Uint8Array(await wasm.arrayBuffer());
  const read = manifestIn(await manifest.text(), manifest.name);
  const looked = await source.inspect!(bytes);
  return { entry: { ...looked, manifest: read }, kernel: { wasm: bytes, manifest: read } };
}

/** The peer checks every key when the job is submitted; here only what the form itself needs. */
function manifestIn(text: string, name: string): KernelManifest {
  let value: Partial<KernelManifest> | null;
  try {
    value = JSON.parse(text) as Partial<KernelManifest> | null;
  } catch {
    throw new Error(`${name} is not JSON`);
  }
  if (value === null || !Array.isArray(value.parameters) || value.limits === undefined || value.tasks === undefined) {
    throw new Error(`${name} is not the manifest of a kernel: parameters, tasks or limits are missing`);
  }
  return value as KernelManifest;
}

interface FormProps extends ViewProps {
  readonly choice: Choice;
  readonly file: Signal<File | undefined>;
}

function ArgumentForm({ state, choice, file }: FormProps): JSX.Element {
  const { manifest } = choice.entry;
  const fields = fieldsOf(manifest);
  const typed = useSignal<ReadonlyMap<string, string>>(new Map());
  const policy = useSignal({ quorum: '2', ownResults: 'alone', tasksPerUnit: '' });
  const isTried = useSignal(false);
  const isBusy = useSignal(false);
  const wantsFile = manifest.tasks.from === 'file';

  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    isTried.value = true;
    const hasProblem = fields.some((field) => problemOf(field, typed.value.get(field.name) ?? '') !== undefined);
    if (hasProblem || (wantsFile && file.value === undefined)) {
      requestAnimationFrame(() => document.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
      return;
    }
    isBusy.value = true;
    const { quorum, ownResults, tasksPerUnit } = policy.value;
    const job = await state.attempt('The job was not submitted', () =>
      state.source.submit!({
        kernel: choice.kernel,
        arguments: argumentsOf(fields, typed.value),
        file: wantsFile ? file.value : undefined,
        policy: {
          quorum: Number(quorum),
          ownResults: ownResults as 'never' | 'alone' | 'always',
          ...(tasksPerUnit === '' ? {} : { tasksPerUnit: Number(tasksPerUnit) }),
        },
      }),
    );
    isBusy.value = false;
    if (job !== undefined) location.hash = `#job/${job}`;
  };

  return (
    <Panel title="Arguments">
      <form class="fields" onSubmit={(event) => void submit(event)} noValidate>
        {wantsFile && (
          <FileField
            id="input-file"
            label="File"
            hint="The kernel reads this file and nothing else of your machine. It is shared with the peers that compute."
            chosen={file.value}
            problem={isTried.value && file.value === undefined ? 'Choose a file.' : undefined}
            onFile={(found) => {
              if (found !== undefined) file.value = found;
            }}
          />
        )}
        <div class="argument-fields">
          {fields.map((field) => (
            <ArgumentField
              key={field.name}
              field={field}
              text={typed.value.get(field.name) ?? ''}
              isTried={isTried.value}
              onText={(text) => {
                typed.value = new Map(typed.value).set(field.name, text);
              }}
            />
          ))}
        </div>
        <details class="policy">
          <summary>How it is checked</summary>
          <TextField
            id="quorum"
            label="Peers that must agree"
            hint="A result counts when this many peers came to it independently."
            text={policy.value.quorum}
            isWhole
            onText={(quorum) => {
              policy.value = { ...policy.value, quorum };
            }}
          />
          <div class="field">
            <label for="own-results">Results only this machine computed</label>
            <select
              id="own-results"
              value={policy.value.ownResults}
              onChange={(event) => {
                policy.value = { ...policy.value, ownResults: event.currentTarget.value };
              }}
            >
              <option value="alone">are used while no other peer is in reach</option>
              <option value="always">are always used</option>
              <option value="never">are never used</option>
            </select>
          </div>
          <TextField
            id="tasks-per-unit"
            label="Tasks in one unit"
            hint={`A unit is what one peer takes at a time. Usually ${manifest.limits.tasksPerUnit}.`}
            text={policy.value.tasksPerUnit}
            placeholder={String(manifest.limits.tasksPerUnit)}
            isWhole
            onText={(tasksPerUnit) => {
              policy.value = { ...policy.value, tasksPerUnit };
            }}
          />
        </details>
        <div class="form-end">
          <button type="submit" class="primary large" disabled={isBusy.value || !state.mayAct}>
            {isBusy.value ? 'Trying it here first…' : 'Submit job'}
          </button>
          <span class="note" aria-live="polite">
            {isBusy.value
              ? 'One or two tasks run on this machine before anything is announced.'
              : 'What cannot work is refused at once, before anybody else sees it.'}
          </span>
        </div>
      </form>
    </Panel>
  );
}

function ArgumentField(props: {
  readonly field: Field;
  readonly text: string;
  readonly isTried: boolean;
  readonly onText: (text: string) => void;
}): JSX.Element {
  const { field, text } = props;
  const isLooked = props.isTried || text !== '';
  return (
    <TextField
      id={`argument-${field.name}`}
      label={field.label}
      hint={field.hint}
      text={text}
      placeholder={field.placeholder}
      isRequired={field.isRequired}
      isWhole={field.isWhole}
      problem={isLooked ? problemOf(field, text) : undefined}
      onText={props.onText}
    />
  );
}

function TextField(props: {
  readonly id: string;
  readonly label: string;
  readonly hint: string;
  readonly text: string;
  readonly placeholder?: string;
  readonly isRequired?: boolean;
  readonly isWhole?: boolean;
  readonly problem?: string | undefined;
  readonly onText: (text: string) => void;
}): JSX.Element {
  const { id, problem } = props;
  return (
    <div class="field">
      <label for={id}>
        {props.label}
        {props.isRequired === true && <span class="needed"> needed</span>}
      </label>
      <input
        id={id}
        type="text"
        inputMode={props.isWhole === true ? 'numeric' : 'decimal'}
        autocomplete="off"
        spellcheck={false}
        value={props.text}
        placeholder={props.placeholder}
        aria-required={props.isRequired === true}
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-hint`}
        onInput={(event) => props.onText(event.currentTarget.value)}
      />
      <span id={`${id}-hint`} class={problem === undefined ? 'note' : 'problem'}>
        {problem ?? props.hint}
      </span>
    </div>
  );
}

function FileField(props: {
  readonly id: string;
  readonly label: string;
  readonly hint: string;
  readonly accept?: string;
  /** Chosen here, or dropped on the page, which the browser's own field does not show. */
  readonly chosen: File | undefined;
  readonly problem?: string | undefined;
  readonly onFile: (file: File | undefined) => void;
}): JSX.Element {
  const { id, problem, chosen } = props;
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <input
        id={id}
        type="file"
        accept={props.accept}
        aria-invalid={problem !== undefined}
        aria-describedby={`${id}-hint`}
        onChange={(event) => props.onFile(event.currentTarget.files?.[0])}
      />
      <span id={`${id}-hint`} class={problem === undefined ? 'note' : 'problem'} aria-live="polite">
        {problem ?? (chosen === undefined ? props.hint : `${chosen.name}, ${bytes(chosen.size)}. ${props.hint}`)}
      </span>
    </div>
  );
}
