/**
 * What nobody may ever say: two different things in one place. A place is a unit of a job for seals, results and
 * openings, and a number (of a sequence, or the time of issue) for statements that are said again and again. Everything
 * in it counts, also the salt and the closing set of a reveal, which an honest peer draws and freezes once.
 */
import { toHex } from '../../node/protocol/bytes.ts';
import type { PeerKey } from '../../node/protocol/ids.ts';
import type { Body } from '../../node/protocol/wire/statement.ts';

export interface Said {
  readonly author: PeerKey;
  readonly body: Body;
}

export interface Contradiction {
  readonly author: PeerKey;
  readonly place: string;
  readonly words: readonly string[];
}

export function contradictionsIn(statements: readonly Said[]): readonly Contradiction[] {
  const said = new Map<string, { author: PeerKey; place: string; words: Set<string> }>();
  for (const { author, body } of statements) {
    for (const [place, word] of placesOf(body)) {
      const key = `${author} ${place}`;
      const known = said.get(key) ?? { author, place, words: new Set<string>() };
      known.words.add(JSON.stringify(word, asText));
      said.set(key, known);
    }
  }
  return [...said.values()]
    .filter(({ words }) => words.size > 1)
    .map(({ author, place, words }) => ({ author, place, words: [...words] }));
}

function placesOf(body: Body): readonly (readonly [string, unknown])[] {
  switch (body.kind) {
    case 'commit':
    case 'reveal':
      return body.entries.map((entry) => [`${body.kind} ${body.job} ${entry.unit}`, entry]);
    case 'opening':
      return [[`opening ${body.job} ${body.unit}`, body]];
    case 'close':
      return [[`close ${body.job} ${body.unit} ${body.n}`, body]];
    case 'roster-append':
      return [[`roster-append ${body.job} ${body.seq}`, body]];
    case 'cancel':
    case 'satisfied':
    case 'raise':
      // One sequence for all of them.
      return [[`control ${body.job} ${body.seq}`, body]];
    case 'identity':
      return [[`identity ${body.issuedAtMs}`, body]];
    default:
      // A job is named by what it says, claims are soft and never kept, and the others are findings about somebody else.
      return [];
  }
}

function asText(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? toHex(value) : value;
}
