import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ConfigSources, DEFAULT_LISTEN, loadConfig, type RawConfig } from '../../node/daemon/config.ts';
import { dataFolderOf } from '../../node/daemon/data-folder.ts';
import { translate } from '../../node/daemon/errors.ts';
import { EXIT } from '../../node/daemon/exit-codes.ts';
import { createSwarmKeyFile } from '../../node/daemon/swarm-key.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'shoal-config-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

function sources(flags: RawConfig, environment: Record<string, string> = {}, file?: string): ConfigSources {
  return { flags: { dataFolder: folder, ...flags }, environment, file };
}

async function refusal(given: ConfigSources): Promise<{ message: string; exitCode: number }> {
  const error = await loadConfig(given).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Error);
  return translate(error);
}

describe('configuration', () => {
  it('has sensible values where nothing is given', async () => {
    const config = await loadConfig(sources({}));
    expect(config).toMatchObject({
      dataFolder: folder,
      listen: DEFAULT_LISTEN,
      bootstrap: [],
      apiPort: 0,
      logLevel: 'info',
    });
    expect(config.cores).toBeGreaterThanOrEqual(1);
    expect(config.listen.every((address) => address.includes('127.0.0.1'))).toBe(true);
  });

  it('takes a flag before the environment, that before the file, that before the default', async () => {
    await writeFile(join(folder, 'config.json'), JSON.stringify({ cores: 5, apiPort: 5_000, logLevel: 'warn' }));
    const environment = { SHOAL_CORES: '6', SHOAL_API_PORT: '6000' };
    expect(await loadConfig(sources({ cores: '7' }, environment))).toMatchObject({
      cores: 7,
      apiPort: 6_000,
      logLevel: 'warn',
      bootstrap: [],
    });
  });

  it('finds the data folder by flag, variable, XDG and home', () => {
    const at = (environment: Record<string, string>) => dataFolderOf({ flags: {}, environment });
    expect(dataFolderOf(sources({}, { SHOAL_DATA: '/elsewhere' }))).toBe(folder);
    expect(at({ SHOAL_DATA: '/by-variable' })).toBe('/by-variable');
    expect(at({ XDG_DATA_HOME: '/xdg' })).toBe('/xdg/shoal');
    expect(at({ SHOAL_DATA: '', XDG_DATA_HOME: '' })).toMatch(/\.local\/share\/shoal$/);
    expect(() => dataFolderOf(sources({ dataFolder: '' }))).toThrow(
      /^dataFolder: expected a path; got "" \(from --data\)/,
    );
  });

  it('reads sizes and lists as people write them', async () => {
    const config = await loadConfig(
      sources({ blockQuota: '1.5GiB' }, { SHOAL_LISTEN: '/ip4/127.0.0.1/tcp/1,/ip4/127.0.0.1/tcp/2/ws' }),
    );
    expect(config.blockQuota).toBe(1.5 * 1024 ** 3);
    expect(config.listen).toEqual(['/ip4/127.0.0.1/tcp/1', '/ip4/127.0.0.1/tcp/2/ws']);
  });

  it('touches nothing', async () => {
    const absent = join(folder, 'absent');
    await loadConfig({ flags: { dataFolder: absent }, environment: {}, file: undefined });
    await expect(stat(absent)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it.each([
    ['cores', { cores: '-1' }, {}, '--cores', EXIT.configuration],
    ['cores', { cores: '1.5' }, {}, '--cores', EXIT.configuration],
    ['cores', {}, { SHOAL_CORES: 'many' }, 'SHOAL_CORES', EXIT.configuration],
    ['apiPort', { apiPort: '70000' }, {}, '--api-port', EXIT.configuration],
    ['logLevel', { logLevel: 'loud' }, {}, '--log-level', EXIT.configuration],
    ['blockQuota', { blockQuota: '1MB' }, {}, '--block-quota', EXIT.configuration],
    ['blockQuota', { blockQuota: 'lots' }, {}, '--block-quota', EXIT.configuration],
    ['peersMax', { peersMax: '0' }, {}, '--peers-max', EXIT.configuration],
    ['peersMax', {}, { SHOAL_PEERS_MAX: '1025' }, 'SHOAL_PEERS_MAX', EXIT.configuration],
    ['network', { network: 'No Spaces' }, {}, '--network', EXIT.configuration],
    ['listen', { listen: ['127.0.0.1:4100'] }, {}, '--listen', EXIT.address],
    ['bootstrap', {}, { SHOAL_BOOTSTRAP: 'somewhere' }, 'SHOAL_BOOTSTRAP', EXIT.address],
  ] as const)('names key and source of a bad %s (%j %j)', async (key, flags, environment, source, exitCode) => {
    const refused = await refusal(sources(flags, environment));
    expect(refused.message).toContain(`${key}: `);
    expect(refused.message).toContain(source);
    expect(refused.exitCode).toBe(exitCode);
  });

  it('names the file for a bad value, an unknown key, and what is no JSON', async () => {
    const file = join(folder, 'config.json');
    await writeFile(file, JSON.stringify({ cores: 'x' }));
    expect((await refusal(sources({}))).message).toMatch(/^cores: .*config\.json/);
    await writeFile(file, JSON.stringify({ core: 1 }));
    expect((await refusal(sources({}))).message).toMatch(/^core: no such key .*config\.json.*Known keys: .*cores/);
    await writeFile(file, '{');
    expect(await refusal(sources({}))).toMatchObject({ exitCode: EXIT.configuration });
  });

  it('insists on a file that was named', async () => {
    expect(await refusal(sources({}, {}, join(folder, 'absent.json')))).toMatchObject({ exitCode: EXIT.missingFile });
  });
});

describe('swarm keys', () => {
  it('makes a private network, named after the key', async () => {
    const path = join(folder, 'swarm.key');
    await createSwarmKeyFile(path);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const { swarmKey } = await loadConfig(sources({ swarmKey: path }));
    expect(swarmKey?.network).toMatch(/^[0-9a-f]{16}$/);
    await writeFile(join(folder, 'config.json'), JSON.stringify({ swarmKey: 'swarm.key' }));
    expect((await loadConfig(sources({}))).swarmKey?.network).toBe(swarmKey?.network);
    await expect(createSwarmKeyFile(path)).rejects.toMatchObject({ code: 'usage' });
  });

  it('names a missing and a malformed key', async () => {
    const missing = await refusal(sources({ swarmKey: join(folder, 'absent.key') }));
    expect(missing).toMatchObject({ exitCode: EXIT.swarmKey });
    expect(missing.message).toMatch(/absent\.key does not exist .*--swarm-key/);
    await writeFile(join(folder, 'bad.key'), 'hello\n');
    const malformed = await refusal(sources({}, { SHOAL_SWARM_KEY: join(folder, 'bad.key') }));
    expect(malformed).toMatchObject({ exitCode: EXIT.swarmKey });
    expect(malformed.message).toMatch(/not a swarm key.*SHOAL_SWARM_KEY/);
  });

  it('goes with neither a test network nor an address it cannot protect', async () => {
    const path = join(folder, 'swarm.key');
    await createSwarmKeyFile(path);
    expect(await refusal(sources({ swarmKey: path, network: 'test' }))).toMatchObject({ exitCode: EXIT.configuration });
    const open = await refusal(sources({ swarmKey: path, listen: ['/ip4/127.0.0.1/udp/0/webrtc-direct'] }));
    expect(open).toMatchObject({ exitCode: EXIT.address });
    expect(open.message).toContain('webrtc-direct');
  });
});
