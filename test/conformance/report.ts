/** The report of a run: a row for each script, the sum, the reasons of refusals, and every difference. */
import type { FileReport } from './run-script.ts';

export function totalOf(reports: readonly FileReport[]): FileReport {
  const refused = new Map<string, number>();
  for (const report of reports) {
    for (const [reason, count] of report.refused) refused.set(reason, (refused.get(reason) ?? 0) + count);
  }
  const sum = (of: (report: FileReport) => number): number => reports.reduce((total, report) => total + of(report), 0);
  return {
    name: 'all',
    assertions: sum((report) => report.assertions),
    equal: sum((report) => report.equal),
    canonicalised: sum((report) => report.canonicalised),
    refused,
    textOnly: sum((report) => report.textOnly),
    fuel: reports.reduce((total, report) => total + report.fuel, 0n),
    differences: reports.flatMap((report) => report.differences),
  };
}

export function refusedCount({ refused }: FileReport): number {
  return [...refused.values()].reduce((sum, count) => sum + count, 0);
}

export function reportJson(reports: readonly FileReport[]): string {
  return JSON.stringify({ files: reports.map(plain), total: plain(totalOf(reports)) }, undefined, 2);
}

export function reportText(reports: readonly FileReport[], seconds: number): string {
  const total = totalOf(reports);
  const width = Math.max(...reports.map(({ name }) => name.length), 6);
  const row = (name: string, ...cells: readonly (string | number)[]): string =>
    name.padEnd(width) + cells.map((cell) => String(cell).padStart(12)).join('');
  const lines = [row('script', 'assertions', 'equal', 'refused', 'text only', 'differences')];
  for (const report of [...reports, total]) {
    const { name, assertions, equal, textOnly, differences } = report;
    lines.push(row(name, assertions, equal, refusedCount(report), textOnly, differences.length));
  }
  lines.push(
    '',
    `${total.equal} assertions equal in the unmodified module and both placements, ${seconds.toFixed(0)} s`,
    `  ${total.canonicalised} of them with a NaN that became the canonical one; ${total.fuel} fuel in all`,
    `${total.textOnly} assertions are about the text format and never become a module`,
    `${refusedCount(total)} assertions are about modules that the sandbox does not run:`,
  );
  for (const [reason, count] of [...total.refused].sort((a, b) => b[1] - a[1])) {
    const files = reports.filter((report) => report.refused.has(reason)).map(({ name }) => name);
    lines.push(`  ${String(count).padStart(6)}  ${reason} (${files.join(', ')})`);
  }
  lines.push(...total.differences.map(({ file, line, what }) => `DIFFERENCE in ${file}.wast:${line}: ${what}`));
  return [...lines, `${total.differences.length} differences`].join('\n');
}

function plain(report: FileReport): unknown {
  return { ...report, refused: Object.fromEntries(report.refused), fuel: report.fuel.toString() };
}
