// The wasm engine's allocator against a plain list of what is in use.
import { expect, test } from 'vitest';
import { Heap } from '../../src/engine/wasm/heap.js';

interface Block {
  address: number;
  bytes: number;
}

function makeHeap(limit = 2 ** 32): Heap {
  return new Heap(1024, (end) => end <= limit);
}

test('blocks are aligned and never overlap, and all memory is found again', () => {
  let seed = 7;
  const random = (n: number): number => {
    seed = (seed * 48271) % 2147483647;
    return seed % n;
  };
  const heap = makeHeap();
  const live: Block[] = [];
  for (let round = 0; round < 3000; round++) {
    if (live.length > 0 && random(2) === 0) {
      const [block] = live.splice(random(live.length), 1) as [Block];
      heap.free(block.address, block.bytes);
    } else {
      const bytes = random(5000);
      const address = heap.allocate(bytes) as number;
      expect(address % 64).toBe(0);
      const clash = live.find((other) => address < other.address + other.bytes && other.address < address + bytes);
      expect(clash, `round ${round}`).toBeUndefined();
      live.push({ address, bytes });
    }
  }
  for (const { address, bytes } of live) heap.free(address, bytes);
  // One hole again: everything fits into what was used before.
  expect(heap.allocate(heap.end - 1024)).toBe(1024);
});

test('says when there is no memory, and takes it up again when there is', () => {
  const heap = makeHeap(1024 + 6400);
  const first = heap.allocate(3200) as number;
  expect(heap.allocate(6400)).toBeUndefined();
  heap.free(first, 3200);
  expect(heap.allocate(6400)).toBe(1024);
  expect(new Heap(0, () => true).allocate(2 ** 32)).toBeUndefined();
});
