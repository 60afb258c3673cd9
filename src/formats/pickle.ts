// Python's pickle, as far as it is data: numbers, texts, lists, tuples and dicts. What a pickle would import and call goes
// through `PickleHost`, which knows a handful of names; nothing else is looked up, so that no code can run.
import { decodeText, formatError } from './cursor.js';

/** A tuple of Python. */
export class PickleTuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

/** A name that a pickle imports, where the host knows it. */
export class PickleGlobal {
  constructor(
    /** `module.name`. */
    readonly name: string,
    /** What calling it gives; undefined where it is a value only. */
    readonly call?: (args: readonly PickleValue[]) => PickleValue,
  ) {}
}

/** Something of the host's own, such as a tensor. */
export abstract class PickleObject {
  readonly isPickleObject = true;
}

/** A dict, in the order of the file. */
export type PickleDict = Map<PickleValue, PickleValue>;

export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleValue[]
  | PickleTuple
  | PickleDict
  | PickleGlobal
  | PickleObject;

/** What a pickle may reach outside itself. */
export interface PickleHost {
  /** The thing under `module.name`; undefined refuses it. */
  find(name: string): PickleGlobal | undefined;
  /** What stands for an id that the pickle's writer keeps elsewhere. */
  load(id: PickleValue): PickleValue;
}

const MAX_STEPS = 20_000_000;

const MARK = Symbol('mark');

/** Opcodes that would make or change an object by code. */
const REFUSED: Readonly<Record<number, string>> = {
  129: 'NEWOBJ',
  130: 'EXT1',
  131: 'EXT2',
  132: 'EXT4',
  143: 'EMPTY_SET',
  144: 'ADDITEMS',
  145: 'FROZENSET',
  146: 'NEWOBJ_EX',
  150: 'BYTEARRAY8',
  151: 'NEXT_BUFFER',
  152: 'READONLY_BUFFER',
  105: 'INST',
  111: 'OBJ',
  80: 'PERSID',
};

/** Reads one pickle that begins at byte `from`. Throws `format`, with the byte, for one that is damaged or wants to run code. */
export class PickleReader {
  /** After `read`: the byte behind the pickle. */
  at: number;
  private readonly view: DataView;
  private readonly stack: (PickleValue | typeof MARK)[] = [];
  private readonly memo = new Map<number, PickleValue>();
  private opcodeAt = 0;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly file: string,
    private readonly host: PickleHost,
    from = 0,
  ) {
    this.at = from;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  read(): PickleValue {
    for (let step = 0; step < MAX_STEPS; step++) {
      this.opcodeAt = this.at;
      const opcode = this.u8();
      if (opcode === 0x2e) return this.pop(); // STOP
      if (!(this.readNumber(opcode) || this.readText(opcode) || this.readStack(opcode) || this.readContainer(opcode)))
        this.readObject(opcode);
    }
    throw this.damaged(`it has more than ${MAX_STEPS} steps`);
  }

  /** A `format` error at the opcode that is being read. */
  damaged(why: string, hint?: string): Error {
    return formatError(this.file, `the pickle cannot be read: ${why}.`, {
      place: `byte ${this.opcodeAt}`,
      ...(hint === undefined ? {} : { hint }),
    });
  }

  private readNumber(opcode: number): boolean {
    switch (opcode) {
      case 0x4e: // NONE
        this.stack.push(null);
        return true;
      case 0x88: // NEWTRUE
      case 0x89: // NEWFALSE
        this.stack.push(opcode === 0x88);
        return true;
      case 0x4a: // BININT
        this.stack.push(this.view.getInt32(this.need(4), true));
        return true;
      case 0x4b: // BININT1
        this.stack.push(this.u8());
        return true;
      case 0x4d: // BININT2
        this.stack.push(this.view.getUint16(this.need(2), true));
        return true;
      case 0x8a: // LONG1
        this.stack.push(this.long(this.u8()));
        return true;
      case 0x8b: // LONG4
        this.stack.push(this.long(this.u32()));
        return true;
      case 0x47: // BINFLOAT
        this.stack.push(this.view.getFloat64(this.need(8), false));
        return true;
      case 0x49: // INT
        this.stack.push(this.writtenInt());
        return true;
      case 0x4c: // LONG
        this.stack.push(this.writtenNumber(this.line().replace(/L$/, ''), /^-?\d{1,400}$/));
        return true;
      case 0x46: // FLOAT
        this.stack.push(this.writtenFloat());
        return true;
      default:
        return false;
    }
  }

  private writtenInt(): boolean | number | bigint {
    const text = this.line();
    return text === '00' || text === '01' ? text === '01' : this.writtenNumber(text, /^-?\d{1,400}$/);
  }

  private writtenNumber(text: string, form: RegExp): number | bigint {
    if (!form.test(text)) throw this.damaged(`'${text.slice(0, 40)}' is no number`);
    return smallest(BigInt(text));
  }

  private writtenFloat(): number {
    const text = this.line();
    const named = { inf: Infinity, '-inf': -Infinity, nan: NaN } as Record<string, number>;
    const value = named[text] ?? Number(text);
    if (text === '' || (Number.isNaN(value) && text !== 'nan'))
      throw this.damaged(`'${text.slice(0, 40)}' is no number`);
    return value;
  }

  /** A two's complement number of so many bytes, little-endian. */
  private long(count: number): number | bigint {
    if (count > 1024) throw this.damaged(`a whole number of ${count} bytes`);
    const from = this.need(count);
    let value = 0n;
    for (let i = count - 1; i >= 0; i--) value = (value << 8n) | BigInt(this.bytes[from + i] as number);
    return smallest(BigInt.asIntN(8 * count, value));
  }

  private readText(opcode: number): boolean {
    switch (opcode) {
      case 0x58: // BINUNICODE
        this.stack.push(decodeText(this.take(this.u32())));
        return true;
      case 0x8c: // SHORT_BINUNICODE
        this.stack.push(decodeText(this.take(this.u8())));
        return true;
      case 0x8d: // BINUNICODE8
        this.stack.push(decodeText(this.take(this.u64())));
        return true;
      case 0x54: // BINSTRING
        this.stack.push(decodeText(this.take(this.u32())));
        return true;
      case 0x55: // SHORT_BINSTRING
        this.stack.push(decodeText(this.take(this.u8())));
        return true;
      case 0x56: // UNICODE
        this.stack.push(this.line());
        return true;
      case 0x53: // STRING
        this.stack.push(this.line().replace(/^(['"])(.*)\1$/, '$2'));
        return true;
      case 0x42: // BINBYTES
        this.stack.push(this.take(this.u32()));
        return true;
      case 0x43: // SHORT_BINBYTES
        this.stack.push(this.take(this.u8()));
        return true;
      case 0x8e: // BINBYTES8
        this.stack.push(this.take(this.u64()));
        return true;
      default:
        return false;
    }
  }

  /** What moves values between stack and memo. */
  private readStack(opcode: number): boolean {
    switch (opcode) {
      case 0x80: // PROTO
        this.checkProtocol(this.u8());
        return true;
      case 0x95: // FRAME
        this.u64();
        return true;
      case 0x28: // MARK
        this.stack.push(MARK);
        return true;
      case 0x30: // POP
        if (this.stack.pop() === undefined) throw this.damaged('its stack is empty');
        return true;
      case 0x31: // POP_MARK
        this.popToMark();
        return true;
      case 0x32: // DUP
        this.stack.push(this.top());
        return true;
      case 0x71: // BINPUT
        this.memo.set(this.u8(), this.top());
        return true;
      case 0x72: // LONG_BINPUT
        this.memo.set(this.u32(), this.top());
        return true;
      case 0x70: // PUT
        this.memo.set(Number(this.line()), this.top());
        return true;
      case 0x94: // MEMOIZE
        this.memo.set(this.memo.size, this.top());
        return true;
      case 0x68: // BINGET
        this.stack.push(this.recall(this.u8()));
        return true;
      case 0x6a: // LONG_BINGET
        this.stack.push(this.recall(this.u32()));
        return true;
      case 0x67: // GET
        this.stack.push(this.recall(Number(this.line())));
        return true;
      default:
        return false;
    }
  }

  private readContainer(opcode: number): boolean {
    switch (opcode) {
      case 0x5d: // EMPTY_LIST
        this.stack.push([]);
        return true;
      case 0x6c: // LIST
        this.stack.push(this.popToMark());
        return true;
      case 0x61: // APPEND
        this.append([this.pop()]);
        return true;
      case 0x65: // APPENDS
        this.append(this.popToMark());
        return true;
      case 0x29: // EMPTY_TUPLE
        this.stack.push(new PickleTuple([]));
        return true;
      case 0x74: // TUPLE
        this.stack.push(new PickleTuple(this.popToMark()));
        return true;
      case 0x85: // TUPLE1
      case 0x86: // TUPLE2
      case 0x87: // TUPLE3
        this.stack.push(new PickleTuple(this.popSome(opcode - 0x84)));
        return true;
      case 0x7d: // EMPTY_DICT
        this.stack.push(new Map());
        return true;
      case 0x64: // DICT
        this.stack.push(this.putItems(new Map(), this.popToMark()));
        return true;
      case 0x73: {
        // SETITEM
        const pair = this.popSome(2);
        this.putItems(this.top(), pair);
        return true;
      }
      case 0x75: {
        // SETITEMS
        const pairs = this.popToMark();
        this.putItems(this.top(), pairs);
        return true;
      }
      default:
        return false;
    }
  }

  private readObject(opcode: number): void {
    switch (opcode) {
      case 0x63: {
        // GLOBAL
        const module = this.line();
        this.stack.push(this.find(`${module}.${this.line()}`));
        return;
      }
      case 0x93: {
        // STACK_GLOBAL
        const [module, name] = this.popSome(2);
        if (typeof module !== 'string' || typeof name !== 'string') throw this.damaged('a name that is no text');
        this.stack.push(this.find(`${module}.${name}`));
        return;
      }
      case 0x52: {
        // REDUCE
        const [made, args] = this.popSome(2);
        if (!(made instanceof PickleGlobal) || !(args instanceof PickleTuple)) {
          throw this.damaged('it calls what is no function');
        }
        if (made.call === undefined) throw this.refused(`call of ${made.name}`);
        this.stack.push(made.call(args.items));
        return;
      }
      case 0x62: {
        // BUILD: a state dict carries notes as an attribute, which are of no use here.
        this.pop();
        if (!(this.top() instanceof Map)) throw this.refused('state of an object (opcode BUILD)');
        return;
      }
      case 0x51: // BINPERSID
        this.stack.push(this.host.load(this.pop()));
        return;
      default: {
        const name = REFUSED[opcode];
        if (name === undefined) throw this.damaged(`there is no opcode 0x${opcode.toString(16).padStart(2, '0')}`);
        throw this.refused(`opcode ${name}`);
      }
    }
  }

  private find(name: string): PickleGlobal {
    const found = this.host.find(name);
    if (found === undefined) throw this.refused(name);
    return found;
  }

  private refused(what: string): Error {
    return formatError(
      this.file,
      `the pickle asks for ${what.slice(0, 200)}, which is refused: only tensors and plain data are read.`,
      {
        place: `byte ${this.opcodeAt}`,
        hint: 'In Python, save model.state_dict() with torch.save, or the weights as safetensors.',
      },
    );
  }

  private checkProtocol(version: number): void {
    if (version > 5) throw this.damaged(`its protocol is ${version}; up to 5 is known`);
  }

  private append(values: readonly PickleValue[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw this.damaged('it appends to what is no list');
    for (const value of values) list.push(value);
  }

  private putItems(to: PickleValue, items: readonly PickleValue[]): PickleDict {
    if (!(to instanceof Map) || items.length % 2 !== 0) throw this.damaged('a dict of odd items');
    for (let i = 0; i < items.length; i += 2) to.set(items[i] as PickleValue, items[i + 1] as PickleValue);
    return to;
  }

  private pop(): PickleValue {
    const value = this.stack.pop();
    if (value === undefined || value === MARK) throw this.damaged('its stack is empty');
    return value as PickleValue;
  }

  private top(): PickleValue {
    const value = this.stack.at(-1);
    if (value === undefined || value === MARK) throw this.damaged('its stack is empty');
    return value as PickleValue;
  }

  private popSome(count: number): PickleValue[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  private popToMark(): PickleValue[] {
    const at = this.stack.lastIndexOf(MARK);
    if (at < 0) throw this.damaged('a mark is missing');
    const values = this.stack.slice(at + 1) as PickleValue[];
    this.stack.length = at;
    return values;
  }

  private recall(index: number): PickleValue {
    const value = this.memo.get(index);
    if (value === undefined) throw this.damaged(`it recalls ${index}, which was never kept`);
    return value;
  }

  private need(count: number): number {
    const from = this.at;
    if (!(count <= this.bytes.length - from)) throw this.damaged(`it ends inside a value: the file is truncated`);
    this.at = from + count;
    return from;
  }

  private take(count: number): Uint8Array {
    const from = this.need(count);
    return this.bytes.subarray(from, from + count);
  }

  private u8(): number {
    return this.view.getUint8(this.need(1));
  }

  private u32(): number {
    return this.view.getUint32(this.need(4), true);
  }

  private u64(): number {
    return Number(this.view.getBigUint64(this.need(8), true));
  }

  /** Text up to the end of the line. */
  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.at);
    if (end < 0) throw this.damaged('it ends inside a line: the file is truncated');
    const text = decodeText(this.bytes.subarray(this.at, end));
    this.at = end + 1;
    return text.endsWith('\r') ? text.slice(0, -1) : text;
  }
}

/** As a number where that is exact. */
function smallest(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}
