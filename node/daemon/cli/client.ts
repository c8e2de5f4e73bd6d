/** The CLI's side of the control API: finds the daemon of a data folder and talks to it. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { NetworkUsage } from '../../network/options.ts';
import type { JobId, PeerKey } from '../../protocol/ids.ts';
import type { JobRow, JobView, PeerRow, PeerView, Reason } from '../../protocol/view.ts';
import type { Explanation } from '../../runtime/why.ts';
import type { Progress } from '../../sdk/jobs/progress.ts';
import type { SubmissionBody } from '../api/routes.ts';
import type { ApiFile } from '../compose.ts';
import { readText } from '../data-folder.ts';
import { errorOf, ShoalError } from '../errors.ts';
import type { KernelAnswer } from './kernel/inspect.ts';

export type ExplainedReason = Explanation & { readonly reason: Reason };

export interface StatusAnswer extends NetworkUsage {
  readonly version: string;
  readonly pid: number;
  readonly dataFolder: string;
  readonly preset: string;
  readonly network: string;
  readonly embedded: boolean;
  readonly startedAtMs: number;
  readonly peerName: string;
  readonly addresses: readonly string[];
  readonly volunteerUrl: string | undefined;
  readonly storage: { readonly blocks: number; readonly bytes: number; readonly bytesMax: number };
  readonly view: PeerView;
  readonly why: readonly ExplainedReason[];
}

export type PeerAnswer = PeerRow & { readonly peerName: string };
export type JobsAnswer = JobRow & { readonly submitterName: string; readonly label: string | undefined };

export interface JobAnswer {
  readonly job: JobId;
  readonly view: JobView | undefined;
  readonly progress: Progress | undefined;
  readonly why: readonly ExplainedReason[];
  /** Peer ids of everybody named in the view. */
  readonly names: Readonly<Record<PeerKey, string>>;
}

export interface WhyAnswer {
  readonly job: JobId | undefined;
  readonly why: readonly ExplainedReason[];
  readonly progress: Progress | undefined;
}

export class Client {
  readonly api: ApiFile;
  readonly #token: string;

  constructor(api: ApiFile, token: string) {
    this.api = api;
    this.#token = token;
  }

  /** Resolves to undefined when no daemon answers on this data folder. */
  static async find(dataFolder: string): Promise<Client | undefined> {
    const text = await readText(join(dataFolder, 'api.json'));
    const token = (await readText(join(dataFolder, 'token')))?.trim();
    if (text === undefined || token === undefined) return undefined;
    const client = new Client(JSON.parse(text) as ApiFile, token);
    try {
      // After a crash the file may be stale and the port somebody else's, who does not know the token.
      const status = await client.status();
      return status.pid === client.api.pid ? client : undefined;
    } catch {
      return undefined;
    }
  }

  /** Rejects with a ShoalError `daemon-unreachable`. */
  static async connect(dataFolder: string): Promise<Client> {
    const client = await Client.find(dataFolder);
    if (client !== undefined) return client;
    throw new ShoalError(
      'daemon-unreachable',
      `no daemon runs on data folder ${dataFolder}. Start one with "shoal up", or name its folder with --data.`,
    );
  }

  status(): Promise<StatusAnswer> {
    return this.#json('GET', 'status');
  }

  async peers(): Promise<readonly PeerAnswer[]> {
    return (await this.#json<{ peers: readonly PeerAnswer[] }>('GET', 'peers')).peers;
  }

  async jobs(): Promise<readonly JobsAnswer[]> {
    return (await this.#json<{ jobs: readonly JobsAnswer[] }>('GET', 'jobs')).jobs;
  }

  job(job: string): Promise<JobAnswer> {
    return this.#json('GET', `jobs/${encodeURIComponent(job)}`);
  }

  /** Of a content id, or of the kernel of a job. */
  kernel(kernel: string): Promise<KernelAnswer> {
    return this.#json('GET', `kernels/${encodeURIComponent(kernel)}`);
  }

  progress(job: string): Promise<Progress> {
    return this.#json('GET', `jobs/${encodeURIComponent(job)}/progress`);
  }

  why(job: string | undefined): Promise<WhyAnswer> {
    return this.#json('GET', job === undefined ? 'why' : `why?job=${encodeURIComponent(job)}`);
  }

  async upload(path: string): Promise<string> {
    const body = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
    return (await this.#uploaded(body)).upload;
  }

  async uploadBytes(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
    return (await this.#uploaded(new Blob([bytes]).stream())).upload;
  }

  async submit(submission: SubmissionBody): Promise<JobId> {
    return (await this.#json<{ job: JobId }>('POST', 'jobs', submission)).job;
  }

  async raise(job: string, quorum: number): Promise<JobId> {
    return (await this.#json<{ job: JobId }>('POST', `jobs/${encodeURIComponent(job)}/raise`, { quorum })).job;
  }

  async cancel(job: string): Promise<JobId> {
    return (await this.#json<{ job: JobId }>('POST', `jobs/${encodeURIComponent(job)}/cancel`, {})).job;
  }

  async result(job: string): Promise<Uint8Array<ArrayBuffer>> {
    const response = await this.#request('GET', `jobs/${encodeURIComponent(job)}/result`, {});
    return new Uint8Array(await response.arrayBuffer());
  }

  async #uploaded(body: ReadableStream<Uint8Array>): Promise<{ upload: string }> {
    const headers = { 'content-type': 'application/octet-stream' };
    const response = await this.#request('POST', 'uploads', { headers, body, duplex: 'half' });
    return (await response.json()) as { upload: string };
  }

  async #json<T>(method: 'GET' | 'POST', path: string, body?: unknown): Promise<T> {
    const init: RequestInit =
      body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    return (await (await this.#request(method, path, init)).json()) as T;
  }

  async #request(method: string, path: string, init: RequestInit & { duplex?: 'half' }): Promise<Response> {
    const headers = { ...init.headers, authorization: `Bearer ${this.#token}` };
    const url = `http://127.0.0.1:${this.api.port}/v1/${path}`;
    const send = (): Promise<Response> => fetch(url, { ...init, method, headers });
    let response: Response;
    try {
      response = await send().catch((error: unknown) => {
        if (method === 'GET' && isClosedSocket(error)) return send();
        throw error;
      });
    } catch (error) {
      throw new ShoalError('daemon-unreachable', `the daemon (pid ${this.api.pid}) does not answer any more`, error);
    }
    if (!response.ok) throw await errorIn(response);
    return response;
  }
}

/** What `fetch` names as the cause when a connection that was kept open for the next request has been closed meanwhile. */
const CLOSED_SOCKET_CODES: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);

/**
 * The daemon closes connections that rest, and the next request may leave at that very moment. Whoever only asks may
 * ask again; what changes something may have been done already.
 */
function isClosedSocket(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error && 'code' in cause && CLOSED_SOCKET_CODES.has(cause.code);
}

async function errorIn(response: Response): Promise<ShoalError> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error: { code: unknown; message: string } };
    return errorOf(error.code, error.message);
  } catch {
    return new ShoalError('failed', `the daemon answered ${response.status}: ${text.slice(0, 200)}`);
  }
}
