/**
 * `shoal dashboard`: where the page of a running peer is. The token stands behind the `#`: a browser keeps that part
 * to itself, and the page takes it out of the address bar.
 */
import { join } from 'node:path';
import { dataFolderOf, readText } from '../data-folder.ts';
import { ShoalError } from '../errors.ts';
import { Client } from './client.ts';
import { print, printJson, say } from './output.ts';
import type { ShowOptions } from './show.ts';

export interface DashboardOptions extends ShowOptions {
  readonly watchOnly: boolean;
}

export async function showDashboard({ sources, json, watchOnly }: DashboardOptions): Promise<void> {
  const folder = dataFolderOf(sources);
  const client = await Client.connect(folder);
  const name = watchOnly ? 'watch-token' : 'token';
  const token = (await readText(join(folder, name)))?.trim();
  if (token === undefined)
    throw new ShoalError('data-folder', `${join(folder, name)} is missing: start the peer again`);
  const url = dashboardUrl(client.api.port, token);
  const { volunteerUrl } = await client.status();
  if (json) return printJson({ url, authority: watchOnly ? 'watch' : 'act', volunteerUrl });
  print(url);
  // Kept apart from the result: the address above alone is what a script wants to open.
  if (volunteerUrl !== undefined) say(`hand this one to others, it needs no token: ${volunteerUrl}`);
}

export function dashboardUrl(port: number, token: string): string {
  return `http://127.0.0.1:${port}/#token=${token}`;
}
