// Files of torch.save: tensors are rebuilt, and a pickle of anything else is refused before anything happens.
import { describe, expect, test } from 'vitest';
import { FoveaError } from '../../src/core/errors.js';
import { storedFloats } from '../../src/formats/stored.js';
import { isTorchFile, readTorch } from '../../src/formats/torch.js';
import {
  Call,
  Elsewhere,
  floats,
  Name,
  pickle,
  stateDict,
  Tuple,
  tensor,
  torchLegacy,
  torchZip,
  torchZipOf,
} from './pickle-writer.js';

const six = { 0: floats(0, 1, 2, 3, 4, 5) };

function valuesOf(bytes: Uint8Array): Record<string, number[]> {
  const { tensors } = readTorch(bytes, 'tiny.pth');
  return Object.fromEntries([...tensors].map(([name, array]) => [name, Array.from(storedFloats(array))]));
}

function refusal(bytes: Uint8Array): string {
  try {
    readTorch(bytes, 'tiny.pth');
  } catch (error) {
    if (error instanceof FoveaError) return error.message;
    throw error;
  }
  return 'read';
}

describe('readTorch', () => {
  const views = stateDict([
    ['a', tensor({ count: 6, shape: [2, 3] })],
    ['turned', tensor({ count: 6, shape: [3, 2], strides: [1, 3] })],
    ['last', tensor({ count: 6, offset: 4, shape: [2] })],
    ['repeated', tensor({ count: 6, offset: 5, shape: [2, 2], strides: [0, 0] })],
    ['none', tensor({ count: 6, shape: [0, 3] })],
    ['one', tensor({ count: 6, offset: 3, shape: [] })],
  ]);
  const want = {
    a: [0, 1, 2, 3, 4, 5],
    turned: [0, 3, 1, 4, 2, 5],
    last: [4, 5],
    repeated: [5, 5, 5, 5],
    none: [],
    one: [3],
  };

  test('gives views of one storage by name', () => {
    const bytes = torchZip(views, six);
    expect(isTorchFile(bytes)).toBe(true);
    expect(valuesOf(bytes)).toEqual(want);
  });

  test('reads the layout before archives', () => {
    const legacy = stateDict([
      ['a', tensor({ count: 6, shape: [2, 3], isLegacy: true })],
      ['b', tensor({ key: '1', count: 1, shape: [1], isLegacy: true })],
    ]);
    const bytes = torchLegacy(legacy, { ...six, 1: floats(7) });
    expect(isTorchFile(bytes)).toBe(true);
    expect(valuesOf(bytes)).toEqual({ a: [0, 1, 2, 3, 4, 5], b: [7] });
    expect(refusal(bytes.subarray(0, -2))).toContain('truncated');
  });

  test.each([
    ['DoubleStorage', new Float64Array([1.5, -2])],
    ['HalfStorage', new Uint16Array([0x3e00, 0xc000])],
    ['BFloat16Storage', new Uint16Array([0x3fc0, 0xc000])],
    ['LongStorage', new BigInt64Array([3n, -2n])],
    ['IntStorage', new Int32Array([3, -2])],
    ['ShortStorage', new Int16Array([3, -2])],
    ['CharStorage', new Int8Array([3, -2])],
  ])('%s', (type, data) => {
    const bytes = new Uint8Array(data.buffer);
    const [first, second] = valuesOf(torchZip(new Map([['x', tensor({ type, count: 2, shape: [2] })]]), { 0: bytes }))
      .x as [number, number];
    expect([type.includes('o') || first, second]).toEqual([type.includes('o') || 3, -2]);
    if (/Double|Half|BFloat/.test(type)) expect(first).toBe(1.5);
  });

  test('finds the state dict of a checkpoint, and its numbers and texts', () => {
    const x = tensor({ count: 6, shape: [6] });
    const checkpoint = new Map<string, unknown>([
      ['epoch', 12],
      ['arch', 'tiny'],
      ['best', 0.5],
      ['isBest', true],
      ['state_dict', stateDict([['module.fc.weight', x]])],
      [
        'optimizer',
        new Map<string, unknown>([
          ['param_groups', [new Map([['lr', 0.1]])]],
          ['state', new Map([[0, x]])],
        ]),
      ],
    ]);
    const { tensors, values, wrapper } = readTorch(torchZip(checkpoint, six));
    expect([...tensors.keys()]).toEqual(['fc.weight']);
    expect(wrapper).toBe('state_dict');
    expect(Object.fromEntries(values)).toEqual({ epoch: 12, arch: 'tiny', best: 0.5, isBest: true });
  });

  test('a dict that holds itself ends', () => {
    // {'x': tensor, 'self': itself}, by the memo.
    const inner = pickle(tensor({ count: 6, shape: [6] })).slice(2, -1);
    const bytes = new Uint8Array([
      0x80,
      2,
      0x7d,
      0x71,
      0,
      0x55,
      1,
      0x78,
      ...inner,
      0x73,
      0x55,
      1,
      0x73,
      0x68,
      0,
      0x73,
      0x2e,
    ]);
    expect([...readTorch(torchZipOf(bytes, six)).tensors.keys()]).toEqual(['x']);
  });

  test.each([
    ['os.system', new Call(new Name('os', 'system'), ['true']), 'os.system', 2],
    ['posix.system', new Call(new Name('posix', 'system'), ['true']), 'posix.system', 2],
    ['eval', new Call(new Name('builtins', 'eval'), ['1']), 'builtins.eval', 2],
    ['getattr', new Call(new Name('__builtin__', 'getattr'), ['x', '__class__']), '__builtin__.getattr', 2],
    ['a module inside a known one', new Name('torch.os', 'system'), 'torch.os.system', 2],
    [
      'a whole model',
      new Call(new Name('torchvision.models.resnet', 'ResNet'), []),
      'torchvision.models.resnet.ResNet',
      2,
    ],
    ['a call of a dtype', new Call(new Name('torch', 'float32'), []), 'call of torch.float32', 19],
    ['state for a list', new Map([['x', [1]]]), undefined, 0],
  ])('refuses %s by name and place', (_name, root, asked, at) => {
    const text = refusal(torchZip(root, {}));
    if (asked === undefined) {
      expect(text).toContain('the file holds no tensors.');
      return;
    }
    expect(text).toBe(
      `the pickle asks for ${asked}, which is refused: only tensors and plain data are read.\n  In Python, save model.state_dict() with torch.save, or the weights as safetensors.\n  at tiny.pth: tiny/data.pkl: byte ${at}`,
    );
  });

  test.each([
    ['an object of a class', [0x4e, 0x29, 0x81, 0x2e], 'opcode NEWOBJ'],
    ['an instance', [0x28, 0x69, 0x61, 0x0a, 0x62, 0x0a, 0x2e], 'opcode INST'],
    ['a registered extension', [0x82, 1, 0x2e], 'opcode EXT1'],
    ['a name from the stack', [0x8c, 2, 0x6f, 0x73, 0x8c, 1, 0x61, 0x93, 0x2e], 'the pickle asks for os.a'],
    ['state of no dict', [0x5d, 0x7d, 0x62, 0x2e], 'state of an object (opcode BUILD)'],
    ['an empty stack', [0x52], 'its stack is empty'],
    ['a mark that is missing', [0x74], 'a mark is missing'],
    ['a mark where a value is wanted', [0x28, 0x61], 'its stack is empty'],
    ['a number that is too long', [0x8b, 0xff, 0xff, 0xff, 0x7f], 'a whole number of 2147483647 bytes'],
    ['a text that is too long', [0x58, 0xff, 0xff, 0xff, 0xff], 'the file is truncated'],
    ['what was never kept', [0x68, 7], 'it recalls 7, which was never kept'],
    ['no opcode', [0xff], 'there is no opcode 0xff'],
    ['the end', [0x5d], 'the file is truncated'],
  ])('refuses %s', (_name, opcodes, why) => {
    expect(refusal(torchZipOf(new Uint8Array([0x80, 2, ...opcodes]), {}))).toContain(why);
  });

  const one = (options: Partial<Parameters<typeof tensor>[0]>): Uint8Array =>
    torchZip(new Map([['x', tensor({ count: 6, shape: [6], ...options })]]), six);

  test.each([
    ['a shape beyond the storage', one({ shape: [7] }), 'reaches element 6 of a storage of 6'],
    ['strides beyond it', one({ shape: [2, 2], strides: [5, 1] }), 'reaches element 6 of a storage of 6'],
    ['an offset beyond it', one({ offset: 1 }), 'reaches element 6 of a storage of 6'],
    ['a negative stride', one({ strides: [-1] }), 'no valid shape, strides or offset'],
    [
      'a size of terabytes',
      one({ shape: [1 << 20, 1 << 20], strides: [0, 0] }),
      'repeats a storage of 6 elements too often',
    ],
    ['a storage larger than the file', one({ count: 1 << 30 }), 'in a file of'],
    ['a storage larger than its entry', one({ count: 7 }), 'tiny/data/0 has 24 bytes where its tensors need 28'],
    ['a storage that is not there', one({ key: '../secret' }), 'tiny/data/../secret has 0 bytes'],
    ['an unknown storage', one({ type: 'ComplexFloatStorage' }), 'torch.ComplexFloatStorage, which is refused'],
    [
      'an id of no storage',
      torchZip(new Elsewhere(new Tuple(['module'])), {}),
      'a storage is described in an unknown way',
    ],
  ])('refuses %s', (_name, bytes, why) => {
    expect(refusal(bytes)).toContain(why);
  });

  test('says what a file is not', () => {
    expect(refusal(new Uint8Array(0))).toContain('the file is empty');
    expect(refusal(new TextEncoder().encode('<html>not found'))).toContain('an HTML page');
    expect(refusal(pickle(1))).toContain('this is no file of torch.save');
    const bytes = torchZip(views, six);
    expect(refusal(bytes.subarray(0, bytes.length - 30))).toContain('truncated');
    const other = bytes.slice();
    other[other.indexOf(0x80) + 3] = 0xff;
    expect(refusal(other)).toContain('checksum');
  });
});
