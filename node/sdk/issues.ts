/** What zod found wrong in a file, as lines for people: file, key, and what was expected there. */

export function issueLines(
  fileName: string,
  issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[],
): string {
  return issues.map(({ path, message }) => `${fileName}: ${keyOf(path)}: ${message}`).join('\n');
}

/** `cases[2].input.u64` */
export function keyOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'the whole file';
  return path.reduce<string>((key, part) => {
    if (typeof part === 'number') return `${key}[${part}]`;
    return key === '' ? String(part) : `${key}.${String(part)}`;
  }, '');
}

/** Throws what `refuse` makes of a message that names the file, and the line where the text stops being JSON. */
export function parseJson(text: string, fileName: string, refuse: (message: string) => Error): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const position = /position (\d+)/.exec(message)?.[1];
    const line = position === undefined ? '' : ` (line ${text.slice(0, Number(position)).split('\n').length})`;
    throw refuse(`${fileName}: not JSON: ${message}${/\(line \d+/.test(message) ? '' : line}`);
  }
}
