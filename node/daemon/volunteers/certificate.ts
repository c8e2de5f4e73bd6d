/**
 * The certificate and key that the volunteer page and encrypted websockets are served with: read, and checked as far
 * as it can be done before a browser does it. Everything a browser would refuse without saying why is refused or
 * said here: no names, the wrong key, out of date.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { ShoalError } from '../errors.ts';

export interface NamedFile {
  readonly path: string;
  /** The flag, variable or file that named it. */
  readonly source: string;
}

export interface TlsFiles {
  /** PEM: the certificate, and whatever chain followed it. */
  readonly certificate: string;
  /** PEM, without a passphrase. */
  readonly key: string;
  /** Host names and addresses it stands for, as written in it; may contain wildcards. */
  readonly names: readonly string[];
  covers(host: string): boolean;
  /** What a browser will complain about, though it can be served. */
  readonly warnings: readonly string[];
}

/** Throws a ShoalError `missing-file` or `configuration` that names the file and what to do. */
export async function readTlsFiles(cert: NamedFile, key: NamedFile, nowMs: number): Promise<TlsFiles> {
  const [certificate, keyText] = [await read('tlsCert', cert), await read('tlsKey', key)];
  const parsed = parseCertificate(certificate, cert);
  if (!parsed.checkPrivateKey(parseKey(keyText, key))) {
    throw refused('tlsKey', key, `does not belong to the certificate ${cert.path}. Give the key it was made with.`);
  }
  const names = namesOf(parsed);
  if (names.length === 0) {
    throw refused(
      'tlsCert',
      cert,
      'names no host (it has no subjectAltName), so no browser accepts it. Make one for the name others use.',
    );
  }
  return {
    certificate,
    key: keyText,
    names,
    covers: (host) =>
      isIP(host) === 0
        ? parsed.checkHost(host, { subject: 'never' }) !== undefined
        : parsed.checkIP(host) !== undefined,
    warnings: warningsOf(parsed, cert, nowMs),
  };
}

function parseCertificate(pem: string, file: NamedFile): X509Certificate {
  if (!pem.includes('-----BEGIN CERTIFICATE-----')) {
    const swapped = pem.includes('PRIVATE KEY-----')
      ? ' It holds a private key: are --tls-cert and --tls-key swapped?'
      : '';
    throw refused('tlsCert', file, `holds no certificate in PEM form (-----BEGIN CERTIFICATE-----).${swapped}`);
  }
  try {
    return new X509Certificate(pem);
  } catch (error) {
    throw refused('tlsCert', file, `is no certificate that can be read: ${(error as Error).message}.`);
  }
}

function parseKey(pem: string, file: NamedFile): KeyObject {
  if (!pem.includes('PRIVATE KEY-----')) {
    const swapped = pem.includes('-----BEGIN CERTIFICATE-----')
      ? ' It holds a certificate: are --tls-cert and --tls-key swapped?'
      : '';
    throw refused('tlsKey', file, `holds no private key in PEM form (-----BEGIN PRIVATE KEY-----).${swapped}`);
  }
  if (/ENCRYPTED/.test(pem)) {
    const how = 'Write it without one ("openssl pkey -in <file> -out <new file>").';
    throw refused('tlsKey', file, `is protected by a passphrase. ${how}`);
  }
  try {
    return createPrivateKey(pem);
  } catch (error) {
    throw refused('tlsKey', file, `is no private key that can be read: ${(error as Error).message}.`);
  }
}

/** `DNS:example.org, IP Address:192.0.2.7`; names with odd characters are quoted, and no host has such a name. */
function namesOf({ subjectAltName }: X509Certificate): readonly string[] {
  return (subjectAltName ?? '')
    .split(', ')
    .map((part) => /^(?:DNS|IP Address):([^"]+)$/.exec(part)?.[1]?.toLowerCase())
    .filter((name) => name !== undefined);
}

function warningsOf({ validFrom, validTo }: X509Certificate, { path }: NamedFile, nowMs: number): readonly string[] {
  if (Date.parse(validTo) <= nowMs) {
    return [`the certificate ${path} expired on ${validTo}: browsers refuse the page until it is renewed`];
  }
  if (Date.parse(validFrom) > nowMs) {
    return [`the certificate ${path} is not valid before ${validFrom}: browsers refuse the page until then`];
  }
  return [];
}

async function read(name: string, file: NamedFile): Promise<string> {
  try {
    return await readFile(file.path, 'utf8');
  } catch (error) {
    const missing = (error as { code?: unknown }).code === 'ENOENT';
    const what = missing ? 'does not exist' : `cannot be read: ${(error as Error).message}`;
    throw new ShoalError('missing-file', `${name}: ${file.path} ${what} (from ${file.source}).`);
  }
}

function refused(name: string, { path, source }: NamedFile, what: string): ShoalError {
  return new ShoalError(
    'configuration',
    `${name}: ${path} ${what} (from ${source}).`.replace(/\.( \(from .*\))\.$/, '$1.'),
  );
}
