/** What the volunteer tab decides without a browser: which network, who can use a link, and what a job draws. */
import { describe, expect, it } from 'vitest';
import { reachOf } from '../../../browser/page/model/reach.ts';
import { reasonWords } from '../../../browser/page/model/reasons.ts';
import { hashWithInvitation, routeOf } from '../../../browser/page/model/route.ts';
import { findInvitation, isInvitation, readPasted } from '../../../browser/page/volunteer/find-invitation.ts';
import { Memory } from '../../../browser/page/volunteer/memory.ts';
import { OwnPart, picturePlan } from '../../../browser/page/volunteer/own-part.ts';
import { formatInvitation } from '../../../node/network/invitation.ts';
import type { Cid, JobId } from '../../../node/protocol/ids.ts';
import type { Reason } from '../../../node/protocol/view.ts';
import { encodeParameters, resolveArguments } from '../../../node/sdk/arguments.ts';
import { Kernel } from '../../kernels/host.ts';

const AT = '/ip4/127.0.0.1/tcp/4101/ws/p2p/12D3KooWGr2xFiGam7JFKZa1HbmVHgwBiv7HLLhsqezUDthgE2BR';
const FRAGMENT = formatInvitation({ addresses: [AT], network: 'harbour' });
const found = { addresses: [AT], network: 'harbour' };

describe('an invitation', () => {
  const places = (hash: string, site?: unknown, remembered?: string) => ({
    hash,
    siteUrl: new URL('http://127.0.0.1:1/network.json'),
    fetch: async () => (site === undefined ? new Response('', { status: 404 }) : Response.json(site)),
    remembered,
  });

  it('comes from the link, then from the site, then from memory', async () => {
    const other = formatInvitation({ addresses: [AT], network: 'other' });
    const site = { addresses: [AT], network: null };
    expect(await findInvitation(places(`#${FRAGMENT}`, site, other))).toEqual({ invitation: found, from: 'link' });
    expect(await findInvitation(places('#peer', site, other))).toEqual({
      invitation: { addresses: [AT], network: undefined },
      from: 'site',
    });
    expect(await findInvitation(places('', undefined, other))).toMatchObject({ from: 'memory' });
    expect(await findInvitation(places(''))).toBeUndefined();
  });

  it('is none where a host answers everything with a page, and refused where it names no address', async () => {
    const site = { ...places(''), fetch: async () => new Response('<!doctype html>', { status: 200 }) };
    expect(await findInvitation(site)).toBeUndefined();
    await expect(findInvitation(places('#network=harbour'))).rejects.toThrow('it names no peer to join through');
    await expect(findInvitation(places('', { addresses: ['nowhere'] }))).rejects.toThrow('not a multiaddr');
  });

  it('is read from a whole link, its fragment, or an address', () => {
    expect(readPasted(` https://example.org/tab/#${FRAGMENT} `)).toEqual(found);
    expect(readPasted(FRAGMENT)).toEqual(found);
    expect(readPasted(AT)).toEqual({ addresses: [AT], network: undefined });
    for (const text of ['', 'https://example.org/', 'hello'])
      expect(() => readPasted(text), text).toThrow(/cannot be used/);
  });

  it('stays in the address beside the view', () => {
    const hash = hashWithInvitation(FRAGMENT, { view: 'peer' });
    expect(isInvitation(hash)).toBe(true);
    expect(routeOf(hash)).toEqual({ view: 'peer' });
    const job = 'ab'.repeat(32) as JobId;
    expect(routeOf(hashWithInvitation(FRAGMENT, { view: 'job', job }))).toEqual({ view: 'job', job });
    expect(routeOf(`#${FRAGMENT}`)).toEqual({ view: 'overview' });
    expect(isInvitation('#submit')).toBe(false);
  });
});

describe('the reach of a link', () => {
  it('ends at this machine where page or peers are on loopback, and needs https elsewhere', () => {
    const far = '/dns4/peer.example/tcp/443/wss';
    expect(reachOf(`http://127.0.0.1:8080/#at=${far}`).isOnlyHere).toBe(true);
    expect(reachOf(`https://page.example/#${FRAGMENT}`)).toMatchObject({ isOnlyHere: true });
    expect(reachOf(`http://page.example/#at=${far}`).warning).toContain('https');
    expect(reachOf(`https://page.example/#at=${far}`).warning).toBeUndefined();
    expect(reachOf('https://page.example/').warning).toBeUndefined();
  });
});

describe('words for a tab', () => {
  const wording = { peer: () => 'somebody', nowMs: 0 };
  const said = (reason: Reason): string => {
    const { text, advice } = reasonWords('tab', reason, wording);
    return `${text}. ${advice}`;
  };

  it('name no command line', () => {
    const job = 'a'.repeat(64) as JobId;
    const dial = { code: 'dial-failed', address: AT, detail: 'x' } as const;
    const reasons: readonly Reason[] = [
      { code: 'no-peers' },
      { code: 'no-job' },
      { code: 'computes-nothing' },
      { code: 'not-rostered', job },
      { code: 'roster-below-quorum', job, roster: 1, quorum: 2 },
      { code: 'storage', detail: 'full' },
      ...(['full', 'unreachable', 'timeout', 'swarm-key-suspected', 'wrong-peer', 'refused', 'failed'] as const).map(
        (failure) => ({ ...dial, failure }),
      ),
    ];
    for (const reason of reasons) expect(said(reason), reason.code).not.toMatch(/--|shoal up|data folder/);
    expect(said({ ...dial, failure: 'full' })).toContain('it takes no more peers');
    expect(said({ ...dial, failure: 'unreachable' })).toContain('only on the machine where that peer runs');
    expect(said({ code: 'paused', reasons: ['manual', 'battery'] })).toContain('paused by you and to save the battery');
  });
});

describe('what the tab remembers', () => {
  it('is lost quietly where the browser keeps nothing', () => {
    const forbidden = (): Storage => {
      throw new Error('SecurityError');
    };
    const memory = new Memory(forbidden, forbidden);
    memory.cores = 3;
    memory.startsByItself = true;
    expect([memory.cores, memory.startsByItself, memory.network, memory.started]).toEqual([
      undefined,
      false,
      undefined,
      undefined,
    ]);
  });
});

describe('a picture somebody else asked for', () => {
  const { manifest } = new Kernel('mandelbrot');
  const parameters = encodeParameters(manifest, resolveArguments(manifest, { width: '200', height: '130' }));

  it('is known by its kernel and its parameters', () => {
    const plan = { width: 200, height: 130, bytesPerPixel: 2, tileWidth: 64, tileHeight: 64 };
    expect(picturePlan(manifest, { parameters, taskCount: 12 })).toEqual(plan);
    // Tiles of another size, which the job does not tell.
    expect(picturePlan(manifest, { parameters, taskCount: 48 })).toBeUndefined();
    expect(picturePlan(manifest, { parameters: parameters.subarray(0, 6), taskCount: 12 })).toBeUndefined();
    expect(picturePlan(new Kernel('prime-count').manifest, { parameters, taskCount: 12 })).toBeUndefined();
  });

  it('shows the units that were computed here', async () => {
    const job = 'b'.repeat(64) as JobId;
    const part = new OwnPart({ kernels: async () => [], block: async () => undefined });
    const output = { cid: 'cid' as Cid, bytes: new Uint8Array() };
    const execution = { leaves: new Uint8Array(), merkleRoot: '', fuel: 1, output, wallClockMs: 1 };
    const executor = part.watch({
      execute: (_ticket, _request, done) => done({ ok: true, execution } as never),
      cancel: () => undefined,
      close: async () => undefined,
    });
    executor.execute(1 as never, { job, unit: 4, task: undefined } as never, () => undefined);
    executor.execute(2 as never, { job, unit: 5, task: 1 } as never, () => undefined);
    expect([part.has(job, 4), part.has(job, 5)]).toEqual([true, false]);
    await expect(part.output(job, 4)).rejects.toThrow('is not here');
  });
});
