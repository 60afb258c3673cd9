// Hands out the wasm engine's memory: which bytes belong to whom, kept on the caller's side. Addresses may be
// given out again as soon as they are freed, because whatever is queued for them comes before what is
// queued later.
import { ALIGNMENT } from '../../core/abi.js';

/** The most bytes a 32-bit memory can have, less a page so that no end wraps to 0. */
const LIMIT = 2 ** 32 - 65536;

interface Hole {
  address: number;
  bytes: number;
}

export class Heap {
  // By address, never touching each other. `top` is where untouched memory begins.
  private readonly holes: Hole[] = [];
  private top: number;

  /** `grow` makes memory reach up to `end`, or says that it cannot. */
  constructor(
    base: number,
    private readonly grow: (end: number) => boolean,
  ) {
    this.top = base;
  }

  /** Bytes of memory in use or once used. */
  get end(): number {
    return this.top;
  }

  /** An address that is a multiple of 64; undefined where there is no memory. */
  allocate(byteLength: number): number | undefined {
    const bytes = roundUp(Math.max(byteLength, 1));
    const hole = this.smallestHole(bytes);
    if (hole !== undefined) {
      const { address } = hole;
      hole.address += bytes;
      hole.bytes -= bytes;
      if (hole.bytes === 0) this.holes.splice(this.holes.indexOf(hole), 1);
      return address;
    }
    // A hole at the very end is extended, not left behind.
    const last = this.holes.at(-1);
    const address = last !== undefined && last.address + last.bytes === this.top ? last.address : this.top;
    if (address + bytes > LIMIT || !this.grow(address + bytes)) return undefined;
    if (address !== this.top) this.holes.pop();
    this.top = address + bytes;
    return address;
  }

  free(address: number, byteLength: number): void {
    const bytes = roundUp(Math.max(byteLength, 1));
    const at = this.placeOf(address);
    const before = this.holes[at - 1];
    const after = this.holes[at];
    const joinsBefore = before !== undefined && before.address + before.bytes === address;
    const joinsAfter = after !== undefined && address + bytes === after.address;
    if (joinsBefore) {
      before.bytes += bytes + (joinsAfter ? after.bytes : 0);
      if (joinsAfter) this.holes.splice(at, 1);
    } else if (joinsAfter) {
      after.address = address;
      after.bytes += bytes;
    } else this.holes.splice(at, 0, { address, bytes });
  }

  private smallestHole(bytes: number): Hole | undefined {
    let best: Hole | undefined;
    for (const hole of this.holes) {
      if (hole.bytes >= bytes && (best === undefined || hole.bytes < best.bytes)) best = hole;
    }
    return best;
  }

  /** Where in `holes` one at this address belongs. */
  private placeOf(address: number): number {
    let low = 0;
    let high = this.holes.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.holes[middle] as Hole).address < address) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
