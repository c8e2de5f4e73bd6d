/**
 * Logs go to stderr, one line each, so that stdout carries results alone. JSON lines through pino; where stderr is a
 * terminal they are set for reading instead.
 */
import { pino } from 'pino';
import type { Logger } from '../runtime/log.ts';
import type { LogThreshold } from './log-levels.ts';

export interface LogOptions {
  readonly level: LogThreshold;
  readonly pretty: boolean;
}

export function createLogger({ level, pretty }: LogOptions): Logger {
  const destination = pretty
    ? { write: (line: string) => void process.stderr.write(forReading(line)) }
    : process.stderr;
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: 'message',
    },
    destination,
  );
  return {
    log(at, message, fields) {
      if (fields === undefined) log[at](message);
      else log[at](fields, message);
    },
  };
}

/** `12:30:59 warn  message key=value` */
function forReading(line: string): string {
  const { time, level, message, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const facts = Object.entries(fields).map(([key, value]) => {
    return ` ${key}=${typeof value === 'string' && !/\s/.test(value) ? value : JSON.stringify(value)}`;
  });
  return `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${String(message)}${facts.join('')}\n`;
}
