/**
 * What this machine prefers. One table of keys; each value comes from the first place that has it: a flag, an
 * environment variable, the configuration file, the default. A value that cannot be used is refused at start with
 * the key, the value and where it came from; so is a key nobody knows, which is most often a typing error.
 */
import { isIP } from 'node:net';
import { availableParallelism } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { parseAddress, parseListenAddress } from '../network/address.ts';
import { PEERS_MAX } from '../network/limits.ts';
import { dataFolderOf, readText } from './data-folder.ts';
import { type ErrorCode, ShoalError } from './errors.ts';
import { LOG_LEVELS, type LogThreshold } from './log-levels.ts';
import { readSwarmKey, type SwarmKeyFile } from './swarm-key.ts';
import { type NamedFile, readTlsFiles, type TlsFiles } from './volunteers/certificate.ts';
import { offerOf } from './volunteers/offer.ts';
import { type Place, parsePlace } from './volunteers/place.ts';

export interface Config {
  readonly dataFolder: string;
  readonly listen: readonly string[];
  readonly bootstrap: readonly string[];
  /** Work units executed side by side; 0 computes nothing. */
  readonly cores: number;
  readonly swarmKey: SwarmKeyFile | undefined;
  /** TCP port of the control API on 127.0.0.1; 0 takes any free one. */
  readonly apiPort: number;
  readonly logLevel: LogThreshold;
  /** Bytes of blocks kept. */
  readonly blockQuota: number;
  /** Peers connected at once; further ones are told that this one is full. */
  readonly peersMax: number;
  /** Name of a test network: only peers with the same name, and no swarm key, hear each other. */
  readonly network: string | undefined;
  /** Where the page for volunteers is served; undefined if it is not. */
  readonly serveVolunteers: Place | undefined;
  /** Name or address under which others reach this machine; one of the certificate's. */
  readonly volunteerHost: string | undefined;
  /** For the page and for websockets at `/tls/ws`. */
  readonly tls: TlsFiles | undefined;
}

export type ConfigKey = Exclude<keyof Config, 'tls'> | 'tlsCert' | 'tlsKey';
export type RawConfig = { readonly [key in ConfigKey]?: unknown };

export interface ConfigSources {
  /** As typed: strings, or lists of strings. */
  readonly flags: RawConfig;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Path of the configuration file; `config.json` in the data folder, which may be absent, by default. */
  readonly file: string | undefined;
}

export const DEFAULT_LISTEN: readonly string[] = ['/ip4/127.0.0.1/tcp/4100', '/ip4/127.0.0.1/tcp/4101/ws'];

interface Key {
  readonly flag: string;
  readonly variable: string;
  readonly schema: z.ZodType;
  readonly code: ErrorCode;
}

const address = z.string().superRefine((text, context) => {
  try {
    parseAddress(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
});
const addresses = z.preprocess(
  (value) => (typeof value === 'string' ? value.split(',').filter((part) => part !== '') : value),
  z.array(address),
);
const wholeNumber = (least: number, most: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value),
    z
      .int(`expected a whole number from ${least} to ${most}`)
      .min(least, `expected at least ${least}`)
      .max(most, `expected at most ${most}`),
  );
const place = z.unknown().transform((value, context) => {
  try {
    return parsePlace(value);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
    return z.NEVER;
  }
});
const hostName = z
  .string()
  .toLowerCase()
  .refine(
    (text) =>
      isIP(text) !== 0 || /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/.test(text),
    'expected a host name such as shoal.example.org, or an address, without a port',
  );
const filePath = z.string().min(1);
const byteSize = z.preprocess(
  parseByteSize,
  z.int('expected bytes, or a size such as 500MB or 2GiB').min(64 * 1024 * 1024, 'expected at least 64MiB'),
);

export const CONFIG_KEYS: { readonly [key in ConfigKey]: Key } = {
  dataFolder: { flag: '--data', variable: 'SHOAL_DATA', schema: filePath, code: 'configuration' },
  listen: { flag: '--listen', variable: 'SHOAL_LISTEN', schema: addresses, code: 'address' },
  bootstrap: { flag: '--bootstrap', variable: 'SHOAL_BOOTSTRAP', schema: addresses, code: 'address' },
  cores: { flag: '--cores', variable: 'SHOAL_CORES', schema: wholeNumber(0, 256), code: 'configuration' },
  swarmKey: { flag: '--swarm-key', variable: 'SHOAL_SWARM_KEY', schema: filePath, code: 'swarm-key' },
  apiPort: { flag: '--api-port', variable: 'SHOAL_API_PORT', schema: wholeNumber(0, 65_535), code: 'configuration' },
  logLevel: {
    flag: '--log-level',
    variable: 'SHOAL_LOG_LEVEL',
    schema: z.enum(LOG_LEVELS, `expected one of ${LOG_LEVELS.join(', ')}`),
    code: 'configuration',
  },
  blockQuota: { flag: '--block-quota', variable: 'SHOAL_BLOCK_QUOTA', schema: byteSize, code: 'configuration' },
  peersMax: {
    flag: '--peers-max',
    variable: 'SHOAL_PEERS_MAX',
    schema: wholeNumber(1, 1_024),
    code: 'configuration',
  },
  network: {
    flag: '--network',
    variable: 'SHOAL_NETWORK',
    schema: z.string().regex(/^[a-z0-9][a-z0-9-]{0,31}$/, 'expected 1 to 32 lower-case letters, digits and dashes'),
    code: 'configuration',
  },
  serveVolunteers: {
    flag: '--serve-volunteers',
    variable: 'SHOAL_SERVE_VOLUNTEERS',
    schema: place,
    code: 'address',
  },
  volunteerHost: {
    flag: '--volunteer-host',
    variable: 'SHOAL_VOLUNTEER_HOST',
    schema: hostName,
    code: 'configuration',
  },
  tlsCert: { flag: '--tls-cert', variable: 'SHOAL_TLS_CERT', schema: filePath, code: 'configuration' },
  tlsKey: { flag: '--tls-key', variable: 'SHOAL_TLS_KEY', schema: filePath, code: 'configuration' },
};

/** Throws a ShoalError that names key and source. Reads the configuration file and the swarm key, touches nothing. */
export async function loadConfig(sources: ConfigSources): Promise<Config> {
  const dataFolder = dataFolderOf(sources);
  const path = resolve(sources.file ?? join(dataFolder, 'config.json'));
  const file = await readConfigFile(path, sources.file !== undefined);
  const get = <T>(key: ConfigKey, fallback: T): T => (pick(key, sources, file, path) as T | undefined) ?? fallback;
  const named = (key: ConfigKey): NamedFile | undefined => namedFile(key, sources, file, path);
  const swarmKey = named('swarmKey');

  const config: Config = {
    dataFolder,
    listen: get('listen', DEFAULT_LISTEN),
    bootstrap: get('bootstrap', []),
    cores: get('cores', Math.max(1, Math.floor(availableParallelism() / 2))),
    swarmKey: swarmKey && (await readSwarmKey(swarmKey.path, swarmKey.source)),
    apiPort: get('apiPort', 0),
    logLevel: get<LogThreshold>('logLevel', 'info'),
    blockQuota: get('blockQuota', 4 * 1024 ** 3),
    peersMax: get('peersMax', PEERS_MAX),
    network: get<string | undefined>('network', undefined),
    serveVolunteers: get<Place | undefined>('serveVolunteers', undefined),
    volunteerHost: get<string | undefined>('volunteerHost', undefined),
    tls: await loadTls(named('tlsCert'), named('tlsKey')),
  };
  checkTogether(config);
  checkVolunteers(config);
  return config;
}

function pick(key: ConfigKey, sources: ConfigSources, file: RawConfig, path: string): unknown {
  const { flag, variable, schema, code } = CONFIG_KEYS[key];
  const places: readonly [unknown, string][] = [
    [sources.flags[key], flag],
    [
      sources.environment[variable] === '' ? undefined : sources.environment[variable],
      `environment variable ${variable}`,
    ],
    [file[key], path],
  ];
  for (const [value, source] of places) {
    if (value === undefined) continue;
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const wrong = parsed.error.issues[0]?.message ?? 'not usable';
    throw new ShoalError(code, `${key}: ${wrong}; got ${JSON.stringify(value)} (from ${source}).`);
  }
  return undefined;
}

async function readConfigFile(path: string, wanted: boolean): Promise<RawConfig> {
  const text = await readText(path);
  if (text === undefined) {
    if (wanted) throw new ShoalError('missing-file', `configuration file ${path} does not exist (from --config).`);
    return {};
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ShoalError('configuration', `configuration file ${path} is not JSON: ${(error as Error).message}.`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ShoalError('configuration', `configuration file ${path}: expected a JSON object.`);
  }
  const known = Object.keys(CONFIG_KEYS).filter((key) => key !== 'dataFolder');
  const unknown = Object.keys(value).find((key) => !known.includes(key));
  if (unknown !== undefined) {
    throw new ShoalError('configuration', `${unknown}: no such key (from ${path}). Known keys: ${known.join(', ')}.`);
  }
  return value;
}

/** A path in a file is relative to that file, as everywhere; in a flag or variable, to the working directory. */
function namedFile(key: ConfigKey, sources: ConfigSources, file: RawConfig, path: string): NamedFile | undefined {
  const given = pick(key, sources, file, path) as string | undefined;
  if (given === undefined) return undefined;
  const { flag, variable } = CONFIG_KEYS[key];
  if (sources.flags[key] !== undefined) return { path: resolve(given), source: flag };
  if (sources.environment[variable]) return { path: resolve(given), source: `environment variable ${variable}` };
  return { path: isAbsolute(given) ? given : resolve(path, '..', given), source: path };
}

async function loadTls(cert: NamedFile | undefined, key: NamedFile | undefined): Promise<TlsFiles | undefined> {
  if (cert === undefined && key === undefined) return undefined;
  if (cert !== undefined && key !== undefined) return readTlsFiles(cert, key, Date.now());
  const [given, missing] = cert === undefined ? ['tlsKey', '--tls-cert'] : ['tlsCert', '--tls-key'];
  const { source } = (cert ?? key)!;
  throw new ShoalError(
    'configuration',
    `${given}: a certificate and its key go together; add ${missing} (${given} is from ${source}).`,
  );
}

function checkTogether(config: Config): void {
  if (config.swarmKey !== undefined && config.network !== undefined) {
    throw new ShoalError(
      'configuration',
      'network: names a test network without a swarm key, but swarmKey is set as well. Remove one of them.',
    );
  }
  for (const text of config.listen) {
    try {
      parseListenAddress(text, config.swarmKey !== undefined);
    } catch (error) {
      throw new ShoalError('address', `listen: ${(error as Error).message}`);
    }
    if (config.tls === undefined && /\/(tls|wss)(\/|$)/.test(text)) {
      throw new ShoalError('address', `listen: ${text} is encrypted: add --tls-cert and --tls-key, or listen on /ws.`);
    }
  }
}

function checkVolunteers({ serveVolunteers: place, volunteerHost, tls, swarmKey, listen }: Config): void {
  if (place !== undefined && swarmKey !== undefined) {
    throw new ShoalError(
      'configuration',
      'serveVolunteers: this peer has a swarm key, and a page handed to anybody would need that key to join. Leave out one of them: volunteers join a network without a swarm key.',
    );
  }
  if (place !== undefined) {
    offerOf({ place, tls, volunteerHost });
    return;
  }
  if (volunteerHost !== undefined) {
    throw new ShoalError('configuration', 'volunteerHost: no page is served. Add --serve-volunteers, or remove it.');
  }
  if (tls !== undefined && !listen.some((text) => /\/(tls|wss)(\/|$)/.test(text))) {
    throw new ShoalError(
      'configuration',
      'tlsCert: nothing here uses a certificate. Add --serve-volunteers, or an address such as --listen /ip4/0.0.0.0/tcp/4103/tls/ws.',
    );
  }
}

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

function parseByteSize(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(value.trim());
  const unit = UNITS[(match?.[2] ?? 'none').toLowerCase()];
  return match === null || unit === undefined ? value : Math.round(Number(match[1]) * unit);
}
