/** How an own job ended: its result for reading and as a file, or what went wrong. */
import { useSignal } from '@preact/signals';
import type { JSX } from 'preact';
import { useEffect } from 'preact/hooks';
import type { JobId } from '../../../node/protocol/ids.ts';
import { decodeCounts, decodeU64, tableToTsv, topCounts } from '../../../node/sdk/format.ts';
import { bytes, count, sentence } from '../model/words.ts';
import type { Outcome, OwnJob } from '../peer-source.ts';
import type { PageState } from '../state.ts';
import { Panel } from './parts.tsx';
import { ResultPlot } from './result-plot.tsx';
import { ResultTable } from './result-table.tsx';
import { save } from './save.ts';

/** A larger result is offered as a file only. */
const SHOWN_BYTES_MAX = 8 * 1024 * 1024;
const ROWS_MAX = 12;

type Finished = Extract<Outcome, { state: 'finished' }>;

export function ResultPanel(props: {
  readonly state: PageState;
  readonly job: JobId;
  readonly own: OwnJob;
  readonly outcome: Outcome;
}): JSX.Element {
  const { outcome } = props;
  if (outcome.state === 'failed') {
    return (
      <Panel title="No result" class="result">
        <p class="problem">{sentence(outcome.message)}</p>
      </Panel>
    );
  }
  if (outcome.state !== 'finished') {
    return (
      <Panel title="No result" class="result">
        <p>The job was {outcome.state} before it was done.</p>
      </Panel>
    );
  }
  return <Result {...props} outcome={outcome} />;
}

function Result({
  state,
  job,
  own,
  outcome,
}: {
  readonly state: PageState;
  readonly job: JobId;
  readonly own: OwnJob;
  readonly outcome: Finished;
}): JSX.Element {
  const content = useSignal<Uint8Array<ArrayBuffer> | undefined>(undefined);
  const { show, columns, plot } = outcome;
  const isReadable = show === 'u64' || show === 'counts' || columns !== undefined;
  const isShown = outcome.byteLength <= SHOWN_BYTES_MAX && isReadable;
  useEffect(() => {
    if (!isShown) return;
    void state.attempt('The result cannot be read', async () => {
      content.value = await state.source.result?.(job);
    });
  }, [job, isShown, state, content]);
  const download = (): Promise<unknown> =>
    state.attempt('Not downloaded', async () => {
      const all = content.value ?? (await state.source.result?.(job));
      if (all !== undefined) save(new Blob([all], { type: 'application/octet-stream' }), fileName(own, job, 'bin'));
    });
  const saveRows = (): Promise<unknown> =>
    state.attempt('Not saved', async () => {
      const all = content.value ?? (await state.source.result?.(job));
      if (all === undefined || columns === undefined) return;
      save(new Blob([tableToTsv(all, columns)], { type: 'text/tab-separated-values' }), fileName(own, job, 'tsv'));
    });
  return (
    <Panel
      title="Result"
      class="result"
      aside={
        <div class="buttons">
          {columns !== undefined && (
            <button type="button" onClick={() => void saveRows()}>
              Save as TSV
            </button>
          )}
          <button type="button" class="primary" onClick={() => void download()}>
            Download
          </button>
        </div>
      }
    >
      {content.value !== undefined && plot !== undefined && (
        <ResultPlot
          material={plot}
          result={{ show, columns, bytes: content.value }}
          title={`Result of ${own.kernel}`}
        />
      )}
      {content.value !== undefined && <Shown content={content.value} show={show} columns={columns} />}
      <p class="note">
        {bytes(outcome.byteLength)}, <span class="label-words">{own.label}</span>. SHA-256 <code>{outcome.sha256}</code>
      </p>
    </Panel>
  );
}

function Shown(props: { readonly content: Uint8Array } & Pick<Finished, 'show' | 'columns'>): JSX.Element {
  const { content, show, columns } = props;
  if (columns !== undefined) return <ResultTable content={content} columns={columns} />;
  try {
    return show === 'u64' ? (
      <p class="answer">{decodeU64(content).toLocaleString('en')}</p>
    ) : (
      <Counts counts={decodeCounts(content)} />
    );
  } catch (error) {
    // Peers agree on bytes; whether these are what the manifest promises is the kernel author's business.
    const why = error instanceof Error ? error.message : String(error);
    return (
      <p class="problem">The kernel’s output is not in the form its manifest names: {why}. Download has the bytes.</p>
    );
  }
}

function Counts({ counts }: { readonly counts: ReturnType<typeof decodeCounts> }): JSX.Element {
  const top = topCounts(counts, ROWS_MAX);
  const most = Number(top[0]?.count ?? 1n);
  return (
    <>
      <table class="counts">
        <thead class="unseen">
          <tr>
            <th scope="col">Entry</th>
            <th scope="col">Count</th>
          </tr>
        </thead>
        <tbody>
          {top.map((entry) => (
            <tr key={entry.key}>
              <th scope="row">{entry.key}</th>
              <td>
                <progress class="bar" value={Number(entry.count)} max={most} aria-hidden="true" />
              </td>
              <td class="number">{entry.count.toLocaleString('en')}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <p class="note">The most frequent of {count(counts.length, 'entry', 'entries')}.</p>
    </>
  );
}

function fileName({ kernel }: OwnJob, job: JobId, ending: string): string {
  return `${kernel}-${job.slice(0, 10)}.${ending}`;
}
