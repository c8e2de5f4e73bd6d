/**
 * The certificate of webrtc-direct, kept across restarts. Whoever dials such an address compares the certificate with
 * the hash in it, so that a new one would break every link and code that names the old one. Nobody looks at its dates:
 * they only say when it is time for another, which is made at a start, so that one told today holds for a month at
 * least.
 *
 * File: the private key, then the certificate, both PEM, readable by its owner only.
 */
import { createHash, createPrivateKey, webcrypto, X509Certificate } from 'node:crypto';
import { chmod } from 'node:fs/promises';
import type { WebRtcCertificate } from '../network/nodejs.ts';
import type { Millis } from '../protocol/ids.ts';
import type { Logger } from '../runtime/log.ts';
import { readText, writeWhole } from './data-folder.ts';

const DAY_MS = 86_400_000;
export const CERTIFICATE_LIFETIME_MS = 400 * DAY_MS;
/** With less than this left it is renewed. */
export const CERTIFICATE_RENEWAL_MS = 30 * DAY_MS;
/** Of the curves only P-256 is understood by every browser (`certificate` in @libp2p/webrtc). */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const KEY = /-----BEGIN PRIVATE KEY-----[^-]+-----END PRIVATE KEY-----/;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/;

export interface CertificateFileOptions {
  readonly path: string;
  readonly nowMs: Millis;
  readonly logger: Logger;
}

/** Makes one where there is none, where it is about to expire, and, with a warning, where the file is damaged. */
export async function keptCertificate({ path, nowMs, logger }: CertificateFileOptions): Promise<WebRtcCertificate> {
  const text = await readText(path);
  if (text !== undefined) {
    await chmod(path, 0o600);
    const kept = parse(text);
    const lost = 'addresses with /certhash told so far no longer work';
    if (typeof kept === 'string') logger.log('warn', `${path} is damaged (${kept}): a new one is made, ${lost}`);
    else if (kept.expiresAtMs - nowMs > CERTIFICATE_RENEWAL_MS) return kept.certificate;
    else logger.log('info', `the certificate of webrtc-direct expires soon and is renewed: ${lost}`, { path });
  }
  const made = await makeCertificate(nowMs);
  await writeWhole(path, `${made.privateKey}\n${made.pem}\n`, 0o600);
  return made;
}

/** What is wrong with the file, or what is in it. */
function parse(text: string): string | { readonly certificate: WebRtcCertificate; readonly expiresAtMs: Millis } {
  const [privateKey, pem] = [KEY.exec(text)?.[0], CERTIFICATE.exec(text)?.[0]];
  if (privateKey === undefined) return 'no private key in it';
  if (pem === undefined) return 'no certificate in it';
  try {
    const certificate = new X509Certificate(pem);
    if (!certificate.checkPrivateKey(createPrivateKey(privateKey))) return 'the key belongs to another certificate';
    const expiresAtMs = Date.parse(certificate.validTo);
    return { certificate: { privateKey, pem, certhash: certhashOf(certificate.raw) }, expiresAtMs };
  } catch (error) {
    return (error as Error).message;
  }
}

/** Self-signed, by nobody: the hash in the address is all that anybody trusts. Exported for its test. */
export async function makeCertificate(nowMs: Millis): Promise<WebRtcCertificate> {
  // Only here: it takes its time to load, and a start that finds a certificate does without.
  await import('reflect-metadata');
  const { X509CertificateGenerator } = await import('@peculiar/x509');
  // Handed over and not set for all: libp2p uses the same library, with a provider of its own.
  const provider = webcrypto as unknown as Crypto;
  const keys = await provider.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const wholeSeconds = (ms: Millis): Date => new Date(Math.floor(ms / 1_000) * 1_000);
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=shoal',
      notBefore: wholeSeconds(nowMs - DAY_MS),
      notAfter: wholeSeconds(nowMs + CERTIFICATE_LIFETIME_MS),
      signingAlgorithm: ALGORITHM,
      keys,
    },
    provider,
  );
  const key = Buffer.from(await provider.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    privateKey: `-----BEGIN PRIVATE KEY-----\n${key.match(/.{1,64}/g)!.join('\n')}\n-----END PRIVATE KEY-----`,
    pem: certificate.toString('pem'),
    certhash: certhashOf(new Uint8Array(certificate.rawData)),
  };
}

/** As multiaddrs have it: multibase base64url of the multihash of sha2-256. */
function certhashOf(der: Uint8Array): string {
  const digest = createHash('sha256').update(der).digest();
  return `u${Buffer.concat([Uint8Array.of(0x12, digest.length), digest]).toString('base64url')}`;
}
