/** `npm start -- --stay`: where to watch and to join is said, both answer, and Ctrl-C ends everything with 0. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parseInvitation } from '../../node/network/invitation.ts';
import { startDaemon, until } from '../support/daemon.ts';
import { viewOf } from './stay.ts';
import { entry } from './swarm.ts';

/** For each thing that is shown: a busy machine plays the whole demonstration before it stays. */
const PATIENCE_MS = 300_000;

it('stays up, draws on, can be watched and joined, and ends orderly', { timeout: 600_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-stay-'));
  const child = spawn(process.execPath, [entry('main'), '--stay'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: folder },
  });
  let [out, problems] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    problems += text;
  });
  const closed = once(child, 'close');
  const shown = async (what: string, pattern: RegExp): Promise<RegExpExecArray> =>
    until(
      what,
      () => {
        if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}:\n${out}${problems}`);
        return pattern.exec(out) ?? undefined;
      },
      PATIENCE_MS,
    ).catch((error: unknown) => {
      throw new Error(`${error instanceof Error ? error.message : error}; it said:\n${out}${problems}`);
    });
  try {
    const dashboard = new URL((await shown('the dashboard', /watch peer 1: +(\S+)/))[1]!);
    expect(dashboard.hash).toMatch(/^#token=[0-9a-f]{64}$/);
    expect((await fetch(dashboard)).status).toBe(200);

    const link = new URL((await shown('the volunteer link', /join with a tab: +(\S+)/))[1]!);
    const { addresses, network } = parseInvitation(link.hash);
    expect(await (await fetch(new URL('/network.json', link))).json()).toMatchObject({ network });
    expect(addresses[0]).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/ws\/p2p\//);

    await shown('that it stays', /The network stays up/);
    await shown('the first picture after that', /picture 1: quorum/);
    const newcomer = await startDaemon({
      network: network!,
      bootstrap: /--bootstrap (\S+)/.exec(out)!.slice(1),
      cores: 0,
    });
    try {
      await shown('that somebody joined', new RegExp(`joined: ${newcomer.peer} \\(shoal/`));
    } finally {
      await newcomer.stop();
    }
    child.kill('SIGINT');
    await closed;
    expect(problems).toBe('');
    expect(child.exitCode).toBe(0);
    expect(out).toMatch(/stopping\n$/);
    await expect(fetch(dashboard)).rejects.toThrow();
    expect(await readdir(folder)).toEqual([]);
  } finally {
    if (child.exitCode === null && child.signalCode === null) {
      // SIGTERM: it has children to end.
      child.kill('SIGTERM');
      await closed;
    }
    await rm(folder, { recursive: true, force: true });
  }
});

it('goes deeper with every picture, and to another place after some', () => {
  const [first, second] = [viewOf(1, 0), viewOf(1, 1)];
  expect(second.span).toBeLessThan(first.span);
  expect([second.centreX, second.centreY]).toEqual([first.centreX, first.centreY]);
  expect(viewOf(1, 8).span).toBe(first.span);
  expect(viewOf(1, 3)).toEqual(viewOf(1, 3));
});
