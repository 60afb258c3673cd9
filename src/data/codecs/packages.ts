// The packages that decode pictures in Node, loaded when the first such picture comes. A data worker's program lies in no folder from which
// packages are found: the main thread tells it where they are.
import { isNode, nodeModule } from '../../core/node-files.js';

/** `@jsquash` is mozjpeg's and libwebp's decoders in WebAssembly; sharp is native and optional. */
const NAMES = { jpeg: '@jsquash/jpeg/decode.js', webp: '@jsquash/webp/decode.js', sharp: 'sharp' } as const;

export type PackageName = keyof typeof NAMES;
/** Addresses of those that are installed. */
export type PackagePlaces = Partial<Record<PackageName, string>>;

const scope = globalThis as { foveaPackages?: PackagePlaces };

/** Tells this thread where packages are. */
export function setPackages(places: PackagePlaces): void {
  scope.foveaPackages = places;
}

/** Where the packages are that this one is installed with. */
export async function findPackages(): Promise<PackagePlaces> {
  if (scope.foveaPackages !== undefined || !isNode()) return scope.foveaPackages ?? {};
  const { createRequire } = await nodeModule('node:module', 'decodeImage');
  const { pathToFileURL } = await nodeModule('node:url', 'decodeImage');
  const places: PackagePlaces = {};
  // A bundle of an application has no address of its own, or one without packages beside it.
  const bases = [import.meta.url, pathToFileURL(`${process.cwd()}/`).href].filter((base) => base !== undefined);
  for (const [name, path] of Object.entries(NAMES)) {
    for (const base of bases) {
      try {
        places[name as PackageName] ??= pathToFileURL(createRequire(base).resolve(path)).href;
      } catch {
        // Not there.
      }
    }
  }
  scope.foveaPackages = places;
  return places;
}

type Decoded = { readonly data: Uint8ClampedArray; readonly width: number; readonly height: number };
/** Decodes a file to RGBA. */
export type WasmDecoder = (bytes: Uint8Array) => Promise<Decoded>;

interface WasmPackage {
  init(module: WebAssembly.Module, overrides: object): Promise<void>;
  default: WasmDecoder;
}

const BINARIES = { jpeg: './codec/dec/mozjpeg_dec.wasm', webp: './codec/dec/webp_dec.wasm' } as const;
const decoders: Partial<Record<'jpeg' | 'webp', Promise<WasmDecoder | undefined>>> = {};

/** The decoder of a format in WebAssembly; undefined where its package is missing or cannot run. */
export function wasmDecoder(format: 'jpeg' | 'webp'): Promise<WasmDecoder | undefined> {
  decoders[format] ??= loadDecoder(format).catch(() => undefined);
  return decoders[format];
}

async function loadDecoder(format: 'jpeg' | 'webp'): Promise<WasmDecoder | undefined> {
  const address = (await findPackages())[format];
  if (address === undefined) return undefined;
  const { readFile } = await nodeModule('node:fs/promises', 'decodeImage');
  const binary = await WebAssembly.compile(await readFile(new URL(BINARIES[format], address)));
  const codec = (await import(/* @vite-ignore */ /* webpackIgnore: true */ address)) as WasmPackage;
  // What is wrong with a file is said by our errors alone.
  const overrides = { print: () => {}, printErr: () => {} };
  await codec.init(binary, overrides);
  return async (bytes) => {
    try {
      return await codec.default(bytes);
    } catch (error) {
      // A decoder that was left in the middle is not used again.
      await codec.init(binary, overrides);
      throw error instanceof Error ? error : new Error('its data cannot be decoded');
    }
  };
}

// The part of sharp that is used; the package itself is optional and may be missing when types are checked.
interface Sharp {
  raw(options: { depth: 'uchar' }): Sharp;
  toBuffer(options: { resolveWithObject: true }): Promise<{
    data: Uint8Array;
    info: { width: number; height: number; channels: number };
  }>;
}
/** What sharp's default export is. */
export type MakeSharp = (bytes: Uint8Array, options: { failOn: 'truncated' }) => Sharp;

let sharp: Promise<MakeSharp | undefined> | undefined;

/** sharp, where it is installed and runs. */
export function loadSharp(): Promise<MakeSharp | undefined> {
  sharp ??= (async () => {
    const address = (await findPackages()).sharp;
    if (address === undefined) return undefined;
    return ((await import(/* @vite-ignore */ /* webpackIgnore: true */ address)) as { default: MakeSharp }).default;
  })().catch(() => undefined);
  return sharp;
}
