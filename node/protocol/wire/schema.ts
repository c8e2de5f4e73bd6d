/**
 * Shapes of what travels: each shape turns a value in memory into plain dag-cbor data and back, strictly. Decoding
 * accepts exactly the listed keys, the listed types and the listed bounds, and nothing else; what cannot be
 * expressed cannot be smuggled in. Digests and keys are bytes on the wire and hex in memory, CIDs are links.
 */
import { fromHex, toHex } from '../bytes.ts';
import type { Cid } from '../ids.ts';
import { linkFrom, parseCid } from './block.ts';

/** Malformed or out of bounds; the message names the field. Never thrown for anything but the input's fault. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

export interface Shape<T> {
  encode(value: T): unknown;
  decode(data: unknown, path: string): T;
}

export type ValueOf<S> = S extends Shape<infer T> ? T : never;

export function hexBytes<T extends string>(length: number): Shape<T> {
  return {
    encode: (value) => fromHex(value),
    decode: (data, path) => {
      if (!(data instanceof Uint8Array) || data.length !== length) throw new WireError(`${path}: not ${length} bytes`);
      return toHex(data) as T;
    },
  };
}

export function byteString(max: number): Shape<Uint8Array> {
  return {
    encode: (value) => value,
    decode: (data, path) => {
      if (!(data instanceof Uint8Array)) throw new WireError(`${path}: not bytes`);
      if (data.length > max) throw new WireError(`${path}: ${data.length} bytes, at most ${max}`);
      return data;
    },
  };
}

export function integer(min: number, max: number): Shape<number> {
  return {
    encode: (value) => value,
    decode: (data, path) => {
      if (typeof data !== 'number' || !Number.isSafeInteger(data)) throw new WireError(`${path}: not an integer`);
      if (data < min || data > max) throw new WireError(`${path}: ${data} is not in ${min}…${max}`);
      return data;
    },
  };
}

/** A finite number of at least 0, such as a rate. */
export function quantity(max: number): Shape<number> {
  return {
    encode: (value) => value,
    decode: (data, path) => {
      if (typeof data !== 'number' || !(data >= 0) || data > max) throw new WireError(`${path}: not in 0…${max}`);
      return data;
    },
  };
}

export const flag: Shape<boolean> = {
  encode: (value) => value,
  decode: (data, path) => {
    if (typeof data !== 'boolean') throw new WireError(`${path}: not true or false`);
    return data;
  },
};

export function text(maxBytes: number): Shape<string> {
  return {
    encode: (value) => value,
    decode: (data, path) => {
      if (typeof data !== 'string') throw new WireError(`${path}: not text`);
      // A character is at most four bytes in UTF-8; counting exactly needs an encoder the core does not have.
      if (data.length > maxBytes) throw new WireError(`${path}: longer than ${maxBytes}`);
      return data;
    },
  };
}

export function oneOf<const T extends string>(...choices: readonly T[]): Shape<T> {
  return {
    encode: (value) => value,
    decode: (data, path) => {
      if (!choices.includes(data as T)) throw new WireError(`${path}: not one of ${choices.join(', ')}`);
      return data as T;
    },
  };
}

export const link: Shape<Cid> = {
  encode: (value) => parseCid(value),
  decode: (data, path) => {
    try {
      return linkFrom(data).toString() as Cid;
    } catch (error) {
      throw new WireError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  },
};

export function listOf<T>(item: Shape<T>, min: number, max: number): Shape<readonly T[]> {
  return {
    encode: (value) => value.map((entry) => item.encode(entry)),
    decode: (data, path) => {
      if (!Array.isArray(data)) throw new WireError(`${path}: not a list`);
      if (data.length < min || data.length > max) {
        throw new WireError(`${path}: ${data.length} entries, wanted ${min}…${max}`);
      }
      return data.map((entry, i) => item.decode(entry, `${path}[${i}]`));
    },
  };
}

type Fields<T> = { readonly [K in keyof T]: Shape<T[K]> };

export function record<T extends object>(fields: Fields<T>): Shape<T> {
  const names = Object.keys(fields) as (keyof T & string)[];
  return {
    encode: (value) => Object.fromEntries(names.map((name) => [name, fields[name].encode(value[name])])),
    decode: (data, path) => {
      if (typeof data !== 'object' || data === null || Array.isArray(data)) throw new WireError(`${path}: not a map`);
      const given = data as Record<string, unknown>;
      for (const key of Object.keys(given)) {
        if (!Object.hasOwn(fields, key)) throw new WireError(`${path}: unknown key ${key.slice(0, 40)}`);
      }
      const result: Partial<T> = {};
      for (const name of names) {
        if (!Object.hasOwn(given, name)) throw new WireError(`${path}.${name}: missing`);
        result[name] = fields[name].decode(given[name], `${path}.${name}`);
      }
      return result as T;
    },
  };
}
