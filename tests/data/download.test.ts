// Downloads against servers on this machine that misbehave in the ways real ones do.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FoveaError } from '../../src/core/errors.js';
import { downloadBytes, downloadFile } from '../../src/data/download.js';
import { md5 } from '../../src/data/md5.js';

const CONTENT = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 255);
const DIGEST = md5(CONTENT);

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let folder: string;
let path: string;
let server: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'fovea-download-'));
  path = join(folder, 'sub', 'file.bin');
});

afterEach(async () => {
  rmSync(folder, { recursive: true, force: true });
  server?.closeAllConnections();
  await new Promise((resolve) => (server ? server.close(resolve) : resolve(undefined)));
  server = undefined;
});

async function serve(handler: Handler): Promise<string> {
  const made = createServer(handler);
  server = made;
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(made.address() as AddressInfo).port}/files/file.bin`;
}

/** A server that does ranges properly and notes what was asked. */
function rangeHandler(asked: (string | undefined)[], content = CONTENT): Handler {
  return (request, response) => {
    const { range } = request.headers;
    asked.push(range);
    const start = range === undefined ? 0 : Number(/bytes=(\d+)-/.exec(range)?.[1]);
    if (start >= content.length) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
      return;
    }
    const part = content.subarray(start);
    response.writeHead(range === undefined ? 200 : 206, {
      'content-length': part.length,
      ...(range === undefined ? {} : { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` }),
    });
    response.end(part);
  };
}

async function failure(work: Promise<unknown>): Promise<FoveaError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FoveaError);
  return error as FoveaError;
}

const filesLeft = (): string[] => (existsSync(join(folder, 'sub')) ? readdirSync(join(folder, 'sub')).sort() : []);

describe('downloadFile', () => {
  it('writes the file under its name alone and reports progress', async () => {
    const asked: (string | undefined)[] = [];
    const url = await serve(rangeHandler(asked));
    const seen: number[] = [];
    await downloadFile(url, path, {
      md5: DIGEST,
      onProgress: ({ file, loaded, total }) => {
        expect([file, total]).toEqual(['file.bin', CONTENT.length]);
        seen.push(loaded);
      },
    });
    expect(Buffer.compare(readFileSync(path), CONTENT)).toBe(0);
    expect(filesLeft()).toEqual(['file.bin']);
    expect(seen[0]).toBe(0);
    expect(seen.at(-1)).toBe(CONTENT.length);
    expect(asked).toEqual([undefined]);
  });

  it('takes up a broken connection where it broke, within one call', async () => {
    const asked: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      if (asked.length > 0) return rangeHandler(asked)(request, response);
      asked.push(request.headers.range);
      response.writeHead(200, { 'content-length': CONTENT.length });
      response.write(CONTENT.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 50));
    });
    await downloadFile(url, path, { md5: DIGEST });
    expect(Buffer.compare(readFileSync(path), CONTENT)).toBe(0);
    expect(asked).toEqual([undefined, 'bytes=100000-']);
  });

  it('resumes what an earlier process left', async () => {
    const asked: (string | undefined)[] = [];
    const url = await serve(rangeHandler(asked));
    await downloadFile(url, path, {});
    writeFileSync(`${path}.part`, CONTENT.subarray(0, 120_000));
    await downloadFile(url, path, { md5: DIGEST });
    expect(Buffer.compare(readFileSync(path), CONTENT)).toBe(0);
    expect(asked).toEqual([undefined, 'bytes=120000-']);
  });

  it('accepts a part that was already whole', async () => {
    const asked: (string | undefined)[] = [];
    const url = await serve(rangeHandler(asked));
    await downloadFile(url, path, {});
    writeFileSync(`${path}.part`, CONTENT);
    await downloadFile(url, path, { md5: DIGEST });
    expect(asked).toEqual([undefined, `bytes=${CONTENT.length}-`]);
  });

  it('starts over where the server ignores ranges', async () => {
    const url = await serve((_, response) => response.writeHead(200).end(CONTENT));
    await downloadFile(url, path, {});
    writeFileSync(`${path}.part`, CONTENT.subarray(0, 5));
    await downloadFile(url, path, { md5: DIGEST });
    expect(Buffer.compare(readFileSync(path), CONTENT)).toBe(0);
  });

  it('starts over where the part belongs to another file', async () => {
    const asked: (string | undefined)[] = [];
    const url = await serve(rangeHandler(asked));
    await downloadFile(url, path, {});
    writeFileSync(`${path}.part`, new Uint8Array(1000).fill(9));
    await downloadFile(url, path, { md5: DIGEST });
    expect(Buffer.compare(readFileSync(path), CONTENT)).toBe(0);
    expect(asked).toEqual([undefined, 'bytes=1000-', undefined]);
  });

  it('throws a wrong checksum away and says so', async () => {
    const url = await serve(rangeHandler([], CONTENT.subarray(1)));
    const error = await failure(downloadFile(url, path, { md5: DIGEST }));
    expect(error.code).toBe('data');
    expect(error.message).toBe(
      `download: file.bin arrived with the wrong checksum, so it was thrown away.\n  from ${url}\n` +
        `  MD5 ${md5(CONTENT.subarray(1))} instead of ${DIGEST}, 299999 bytes\n` +
        '  Try again later or from another network; a proxy may have replaced the file, or the publisher changed it.',
    );
    expect(filesLeft()).toEqual([]);
  });

  it.each([
    ['by its content type', { 'content-type': 'text/html; charset=utf-8' }, 'sign in'],
    ['by its first bytes', { 'content-type': 'application/octet-stream' }, '\n<!DOCTYPE html><html>sign in</html>'],
  ])('names an HTML page %s', async (_, headers, body) => {
    const url = await serve((_request, response) => response.writeHead(200, headers).end(body));
    const error = await failure(downloadFile(url, path, { md5: DIGEST }));
    expect(error.code).toBe('network');
    expect(error.message).toContain('the server answered with an HTML page, not with data');
    expect(filesLeft().filter((name) => !name.endsWith('.part'))).toEqual([]);
  });

  it('names the status of a missing file, after one request', async () => {
    let requests = 0;
    const url = await serve((_, response) => {
      requests++;
      response.writeHead(404).end('no');
    });
    const error = await failure(downloadFile(url, path, {}));
    expect(error.code).toBe('network');
    expect(error.message).toContain(`could not be downloaded: the server answered 404 Not Found.\n  from ${url}`);
    expect(requests).toBe(1);
  });

  it('keeps what arrived when the server stops for good, and says how much', async () => {
    const url = await serve((request, response) => {
      if (request.headers.range !== undefined) return void response.destroy();
      response.writeHead(200, { 'content-length': CONTENT.length });
      response.write(CONTENT.subarray(0, 70_000), () => setTimeout(() => response.destroy(), 50));
    });
    const error = await failure(downloadFile(url, path, { md5: DIGEST }));
    expect(error.code).toBe('network');
    expect(error.message).toContain('after 70000 of 300000 bytes');
    expect(filesLeft()).toEqual(['file.bin.part']);
    expect(readFileSync(`${path}.part`).length).toBe(70_000);
  });

  it('names a refused connection', async () => {
    const url = await serve(() => {});
    await new Promise((resolve) => server?.close(resolve));
    server = undefined;
    const error = await failure(downloadFile(url, path, {}));
    expect(error.code).toBe('network');
    expect(error.message).toContain('the connection was refused (ECONNREFUSED)');
  });

  it('stops at a signal and keeps what arrived', async () => {
    const controller = new AbortController();
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': CONTENT.length });
      response.write(CONTENT.subarray(0, 50_000));
    });
    const error = await failure(
      downloadFile(url, path, {
        signal: controller.signal,
        onProgress: ({ loaded }) => loaded === 50_000 && controller.abort(),
      }),
    );
    expect(error.code).toBe('aborted');
    expect(filesLeft()).toEqual(['file.bin.part']);
  });

  it('serves two callers at once', async () => {
    const url = await serve(rangeHandler([]));
    await Promise.all([downloadFile(url, path, { md5: DIGEST }), downloadFile(url, path, { md5: DIGEST })]);
    expect(filesLeft()).toEqual(['file.bin']);
  });

  it('ignores the lock of a process that is gone', async () => {
    const url = await serve(rangeHandler([]));
    await downloadFile(url, path, {});
    // Beyond the largest process id of any platform.
    writeFileSync(`${path}.lock`, '999999999');
    await downloadFile(url, path, { md5: DIGEST });
    expect(filesLeft()).toEqual(['file.bin']);
  });
});

describe('downloadBytes', () => {
  it('gives the bytes and checks them', async () => {
    const url = await serve(rangeHandler([]));
    expect(Buffer.compare(await downloadBytes(url, { md5: DIGEST }), CONTENT)).toBe(0);
    expect((await failure(downloadBytes(url, { md5: '0'.repeat(32) }))).code).toBe('data');
  });

  it('takes a file that was unpacked on the way by what accept says', async () => {
    const packed = gzipSync(CONTENT);
    const url = await serve((_, response) =>
      response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed),
    );
    const accept = async (bytes: Uint8Array): Promise<boolean> => md5(bytes) === DIGEST;
    const bytes = await downloadBytes(url, { md5: md5(packed), accept });
    expect(bytes.length).toBe(CONTENT.length);
    expect((await failure(downloadBytes(url, { md5: md5(packed), accept: async () => false }))).code).toBe('data');
  });
});
