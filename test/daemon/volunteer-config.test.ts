/** What `--serve-volunteers` and its certificate may be, and how each mistake is said. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Config, loadConfig, type RawConfig } from '../../node/daemon/config.ts';
import { translate } from '../../node/daemon/errors.ts';
import { EXIT } from '../../node/daemon/exit-codes.ts';
import { createSwarmKeyFile } from '../../node/daemon/swarm-key.ts';
import { createCertificate } from '../support/certificates.ts';

let folder: string;
const file = (name: string): string => join(folder, name);
const GOOD = (): RawConfig => ({ tlsCert: file('good.pem'), tlsKey: file('good.key') });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-volunteer-config-'));
  const day = 86_400_000;
  const certificates = {
    good: await createCertificate({ dns: ['shoal.example', '*.shoal.example'], ip: ['192.0.2.7'] }),
    other: await createCertificate({ dns: ['shoal.example'] }),
    wild: await createCertificate({ dns: ['*.shoal.example'] }),
    nameless: await createCertificate(),
    expired: await createCertificate({ dns: ['shoal.example'], notAfter: new Date(Date.now() - day / 2) }),
    early: await createCertificate({ dns: ['shoal.example'], notBefore: new Date(Date.now() + day / 2) }),
  };
  for (const [name, { certificate, key }] of Object.entries(certificates)) {
    await writeFile(file(`${name}.pem`), certificate);
    await writeFile(file(`${name}.key`), key);
  }
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const locked = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'secret' });
  await writeFile(file('locked.key'), locked);
  await writeFile(file('broken.pem'), '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n');
  await writeFile(file('broken.key'), '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n');
  await writeFile(file('text.txt'), 'hello\n');
  await createSwarmKeyFile(file('swarm.key'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const load = (flags: RawConfig, environment: Record<string, string> = {}): Promise<Config> =>
  loadConfig({ flags: { dataFolder: file('data'), ...flags }, environment, file: undefined });

async function refusal(flags: RawConfig, environment: Record<string, string> = {}) {
  const error = await load(flags, environment).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Error);
  return translate(error);
}

describe('the place', () => {
  it.each([
    [true, '127.0.0.1', 4102],
    ['', '127.0.0.1', 4102],
    ['true', '127.0.0.1', 4102],
    ['8080', '127.0.0.1', 8080],
    ['localhost:0', '127.0.0.1', 0],
    ['127.0.0.2', '127.0.0.2', 4102],
    ['[::1]:80', '::1', 80],
    ['::1', '::1', 4102],
  ])('%j is %s port %d', async (given, host, port) => {
    expect((await load({ serveVolunteers: given })).serveVolunteers).toEqual({ host, port });
  });

  it('comes from the environment and the file like every other key, and can be taken back', async () => {
    expect((await load({}, { SHOAL_SERVE_VOLUNTEERS: 'localhost' })).serveVolunteers?.port).toBe(4102);
    expect((await load({ serveVolunteers: 'false' }, { SHOAL_SERVE_VOLUNTEERS: '1' })).serveVolunteers).toBeUndefined();
    await writeFile(
      file('own.json'),
      JSON.stringify({ serveVolunteers: '0.0.0.0:443', tlsCert: 'good.pem', tlsKey: 'good.key' }),
    );
    const config = await loadConfig({ flags: { dataFolder: file('data') }, environment: {}, file: file('own.json') });
    expect(config.serveVolunteers).toEqual({ host: '0.0.0.0', port: 443 });
    expect(config.tls?.names).toEqual(['shoal.example', '*.shoal.example', '192.0.2.7']);
  });

  it.each([
    'nowhere',
    'shoal.example:443',
    '127.0.0.1:70000',
    '127.0.0.1:',
    ':80',
    'http://127.0.0.1:80',
    '1.2.3:4',
  ])('refuses %j, naming where it came from', async (given) => {
    const { message, exitCode } = await refusal({}, { SHOAL_SERVE_VOLUNTEERS: given });
    expect(message).toMatch(/^serveVolunteers: expected .*\(from environment variable SHOAL_SERVE_VOLUNTEERS\)\.$/);
    expect(exitCode).toBe(EXIT.address);
  });
});

describe('what is refused', () => {
  const rows: readonly [string, () => RawConfig, RegExp, number][] = [
    [
      'plain http beyond this machine',
      () => ({ serveVolunteers: '0.0.0.0:4102' }),
      /^serveVolunteers: beyond 127\.0\.0\.1 .*cryptography.*0\.0\.0\.0.*--tls-cert and --tls-key/,
      EXIT.configuration,
    ],
    [
      'a swarm key',
      () => ({ serveVolunteers: true, swarmKey: file('swarm.key') }),
      /^serveVolunteers: this peer has a swarm key.*would need that key/,
      EXIT.configuration,
    ],
    [
      'a certificate without its key',
      () => ({ serveVolunteers: true, tlsCert: file('good.pem') }),
      /^tlsCert: .*add --tls-key \(tlsCert is from --tls-cert\)/,
      EXIT.configuration,
    ],
    [
      'a key without its certificate',
      () => ({ serveVolunteers: true, tlsKey: file('good.key') }),
      /^tlsKey: .*add --tls-cert/,
      EXIT.configuration,
    ],
    [
      'a certificate file that is not there',
      () => ({ ...GOOD(), serveVolunteers: true, tlsCert: '/no/such.pem' }),
      /^tlsCert: \/no\/such\.pem does not exist \(from --tls-cert\)/,
      EXIT.missingFile,
    ],
    [
      'a folder as the key file',
      () => ({ ...GOOD(), serveVolunteers: true, tlsKey: folder }),
      /^tlsKey: .* cannot be read: EISDIR.*\(from --tls-key\)/,
      EXIT.missingFile,
    ],
    [
      'a certificate file with something else in it',
      () => ({ ...GOOD(), serveVolunteers: true, tlsCert: file('text.txt') }),
      /^tlsCert: .*text\.txt holds no certificate in PEM form/,
      EXIT.configuration,
    ],
    [
      'a broken certificate',
      () => ({ ...GOOD(), serveVolunteers: true, tlsCert: file('broken.pem') }),
      /^tlsCert: .*broken\.pem is no certificate that can be read/,
      EXIT.configuration,
    ],
    [
      'a broken key',
      () => ({ ...GOOD(), serveVolunteers: true, tlsKey: file('broken.key') }),
      /^tlsKey: .*broken\.key is no private key that can be read/,
      EXIT.configuration,
    ],
    [
      'certificate and key swapped',
      () => ({ serveVolunteers: true, tlsCert: file('good.key'), tlsKey: file('good.pem') }),
      /^tlsCert: .*are --tls-cert and --tls-key swapped\?/,
      EXIT.configuration,
    ],
    [
      'a key with a passphrase',
      () => ({ ...GOOD(), serveVolunteers: true, tlsKey: file('locked.key') }),
      /^tlsKey: .*locked\.key is protected by a passphrase.*openssl pkey/,
      EXIT.configuration,
    ],
    [
      'the key of another certificate',
      () => ({ ...GOOD(), serveVolunteers: true, tlsKey: file('other.key') }),
      /^tlsKey: .*other\.key does not belong to the certificate .*good\.pem/,
      EXIT.configuration,
    ],
    [
      'a certificate without names',
      () => ({ serveVolunteers: true, tlsCert: file('nameless.pem'), tlsKey: file('nameless.key') }),
      /^tlsCert: .*names no host .*subjectAltName/,
      EXIT.configuration,
    ],
    [
      'a certificate with wildcards alone, and nothing said about the host',
      () => ({ serveVolunteers: '0.0.0.0', tlsCert: file('wild.pem'), tlsKey: file('wild.key') }),
      /^tlsCert: .*\*\.shoal\.example.*--volunteer-host/,
      EXIT.configuration,
    ],
    [
      'a host the certificate does not stand for',
      () => ({ ...GOOD(), serveVolunteers: '0.0.0.0', volunteerHost: 'other.example' }),
      /^volunteerHost: the certificate does not stand for other\.example, only for shoal\.example/,
      EXIT.configuration,
    ],
    [
      'a host with a port',
      () => ({ ...GOOD(), serveVolunteers: '0.0.0.0', volunteerHost: 'shoal.example:443' }),
      /^volunteerHost: expected a host name.*without a port/,
      EXIT.configuration,
    ],
    [
      'a host without a certificate',
      () => ({ serveVolunteers: true, volunteerHost: 'shoal.example' }),
      /^volunteerHost: .*this machine alone.*--tls-cert/,
      EXIT.configuration,
    ],
    ['a host without a page', () => ({ volunteerHost: 'a.example' }), /^volunteerHost: no page/, EXIT.configuration],
    ['a certificate without a use', () => GOOD(), /^tlsCert: nothing here uses a certificate/, EXIT.configuration],
    [
      'encrypted websockets without a certificate',
      () => ({ listen: ['/ip4/127.0.0.1/tcp/0/tls/ws'] }),
      /^listen: .*tls\/ws is encrypted: add --tls-cert and --tls-key/,
      EXIT.address,
    ],
  ];
  it.each(rows)('%s', async (_, flags, message, exitCode) => {
    const refused = await refusal(flags());
    expect(refused.message).toMatch(message);
    expect(refused.exitCode).toBe(exitCode);
  });
});

describe('certificates', () => {
  it('stand for what their names say', async () => {
    const { tls } = await load({ ...GOOD(), serveVolunteers: true });
    for (const host of ['shoal.example', 'www.shoal.example', '192.0.2.7']) expect(tls!.covers(host)).toBe(true);
    for (const host of ['evil.example', 'a.b.shoal.example', '192.0.2.8', '127.0.0.1']) {
      expect(tls!.covers(host)).toBe(false);
    }
    expect(tls!.warnings).toEqual([]);
  });

  it.each([
    ['expired', /expired\.pem expired on /],
    ['early', /early\.pem is not valid before /],
  ])('that are %s are served with a warning', async (name, warning) => {
    const { tls } = await load({ serveVolunteers: true, tlsCert: file(`${name}.pem`), tlsKey: file(`${name}.key`) });
    expect(tls!.warnings).toHaveLength(1);
    expect(tls!.warnings[0]).toMatch(warning);
  });

  it('may be for encrypted websockets alone', async () => {
    const { tls } = await load({ ...GOOD(), listen: ['/ip4/127.0.0.1/tcp/0/tls/ws'] });
    expect(tls?.certificate).toContain('BEGIN CERTIFICATE');
  });
});
