/** One HTTP request exactly as a test wants it: any path, any Host, any header, over TLS or not. */
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { request as httpsRequest } from 'node:https';

export interface Asked {
  readonly headers?: Readonly<Record<string, string>>;
  readonly method?: string;
  readonly body?: string | Uint8Array;
  /** A certificate to trust, in PEM form: asks by https. */
  readonly ca?: string;
  /** The name to check the certificate for, instead of 127.0.0.1. */
  readonly servername?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
}

/** Asks 127.0.0.1. Rejects only where there is no answer at all. */
export function ask(port: number, path: string, asked: Asked = {}): Promise<Answer> {
  // An empty name: else Node.js would take the one in Host.
  const { headers = {}, method = 'GET', body, ca, servername = '' } = asked;
  const options = { host: '127.0.0.1', port, path, method, headers: { ...headers }, agent: false as const };
  return new Promise((resolve, reject) => {
    const sent = ca === undefined ? httpRequest(options) : httpsRequest({ ...options, ca, servername });
    sent.on('response', (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => {
        const bytes = Buffer.concat(parts);
        resolve({ status: response.statusCode ?? 0, headers: response.headers, bytes, text: bytes.toString() });
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
