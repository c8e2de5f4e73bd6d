/** HTTP to the daemon's control API, with the token as a header. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export interface AskOptions {
  readonly method?: 'GET' | 'POST';
  /** Sent as JSON. */
  readonly json?: unknown;
  readonly bytes?: Blob;
  readonly signal?: AbortSignal;
}

export class Api {
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  /** Rejects with an ApiError when the daemon refuses, and with a TypeError when it does not answer. */
  async ask(path: string, { method = 'GET', json, bytes, signal }: AskOptions = {}): Promise<Response> {
    const headers: Record<string, string> = { authorization: `Bearer ${this.#token}` };
    if (json !== undefined) headers['content-type'] = 'application/json';
    if (bytes !== undefined) headers['content-type'] = 'application/octet-stream';
    const body = json === undefined ? bytes : JSON.stringify(json);
    const response = await fetch(`/v1/${path}`, {
      method,
      headers,
      cache: 'no-store',
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (!response.ok) throw await errorIn(response);
    return response;
  }

  async json<T>(path: string, options?: AskOptions): Promise<T> {
    return (await (await this.ask(path, options)).json()) as T;
  }

  async bytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
    return new Uint8Array(await (await this.ask(path)).arrayBuffer());
  }

  /** Resolves to the name under which a submission can use it. */
  async upload(content: Blob): Promise<string> {
    return (await this.json<{ upload: string }>('uploads', { method: 'POST', bytes: content })).upload;
  }
}

async function errorIn(response: Response): Promise<ApiError> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return new ApiError(response.status, error.code, error.message);
  } catch {
    return new ApiError(response.status, 'failed', `the daemon answered ${response.status}`);
  }
}
