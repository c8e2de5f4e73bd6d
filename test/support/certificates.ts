/** Certificates made for one test, so that nothing in the project expires. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { cryptoProvider, SubjectAlternativeNameExtension, X509CertificateGenerator } from '@peculiar/x509';

export interface TestCertificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS#8. */
  readonly key: string;
}

export interface CertificateOptions {
  /** Host names and addresses; none at all makes a certificate that browsers refuse. */
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const DAY_MS = 86_400_000;

/** Self-signed. Valid from yesterday until tomorrow by default. */
export async function createCertificate(options: CertificateOptions = {}): Promise<TestCertificate> {
  const { dns = [], ip = [], notBefore = new Date(Date.now() - DAY_MS) } = options;
  const { notAfter = new Date(Date.now() + DAY_MS) } = options;
  const provider = webcrypto as unknown as Crypto;
  cryptoProvider.set(provider);
  const keys = await provider.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const names = [
    ...dns.map((value) => ({ type: 'dns' as const, value })),
    ...ip.map((value) => ({ type: 'ip' as const, value })),
  ];
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: 'CN=shoal test',
    notBefore,
    notAfter,
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)],
  });
  const key = Buffer.from(await provider.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return {
    certificate: certificate.toString('pem'),
    key: `-----BEGIN PRIVATE KEY-----\n${key.match(/.{1,64}/g)!.join('\n')}\n-----END PRIVATE KEY-----\n`,
  };
}
