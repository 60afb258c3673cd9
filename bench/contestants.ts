// Who can be compared, how each is started, and a race among them: results first, times then.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { peerPlaces } from './peers.js';
import { Process } from './process.js';
import { type Contestant, race } from './race.js';
import type { OwnName, PeerResult, Row, RowResult } from './row.js';
import { costOf, type Work } from './work.js';

/** A process and which of its ways to run. */
interface Way {
  readonly process: string;
  readonly variant: string;
}

const TORCH = ['nchw', 'channels_last', 'nchw compiled', 'channels_last compiled'] as const;

/** Every peer by its name in the tables. */
const PEERS: Readonly<Record<string, Way>> = {
  ...Object.fromEntries(TORCH.map((variant) => [`PyTorch ${variant}`, { process: 'torch', variant }])),
  'TensorFlow graph': { process: 'tensorflow', variant: 'graph' },
  'TensorFlow jit_compile': { process: 'tensorflow', variant: 'jit_compile' },
  'onnxruntime-node': { process: 'onnxruntime-node', variant: '' },
  'onnxruntime-web': { process: 'onnxruntime-web', variant: '' },
  'tfjs wasm': { process: 'tfjs', variant: '' },
};

const namesOf = (process: string): string[] => Object.keys(PEERS).filter((name) => PEERS[name]?.process === process);
export const TORCH_PEERS = namesOf('torch');
export const TORCH_EAGER = TORCH_PEERS.filter((name) => !name.endsWith('compiled'));
export const TENSORFLOW_PEERS = namesOf('tensorflow');

interface Loaded {
  readonly id: string;
  readonly process: Process;
  readonly version: string;
  readonly results: Float32Array;
}

/** Keeps the processes of contestants, started when first needed, and their works. */
export class Contestants {
  private readonly processes = new Map<string, Process>();
  private folder = '';
  private count = 0;

  constructor(
    readonly threads: number,
    /** Peers by process name that are wanted; undefined for all. */
    private readonly wanted: readonly string[] | undefined,
    readonly rounds: number,
    /** `cpu` counts processor time: with one thread that is nearly the time, whatever else the machine does. */
    private readonly clock: 'seconds' | 'cpu' = 'seconds',
  ) {}

  async stop(): Promise<void> {
    for (const process of this.processes.values()) process.stop();
    this.processes.clear();
    if (this.folder !== '') await rm(this.folder, { recursive: true, force: true });
    this.folder = '';
  }

  /** Runs one row: loads the work everywhere, compares the results with ours, then lets all take turns. */
  async run(row: Row): Promise<RowResult> {
    this.folder ||= await mkdtemp(join(tmpdir(), 'fovea-bench-'));
    const { suite, family, part, name, goals, work } = row;
    const dtype = 'dtype' in work ? work.dtype : 'float32';
    const about = { kind: 'row', suite, family, part, name, own: row.own, dtype, goals, ...costOf(work) } as const;
    const names = row.peers.filter((peer) => this.wanted?.includes(PEERS[peer]?.process ?? '') ?? true);
    const own = await this.load(`fovea ${row.own}`, '', work).catch((error: Error) => error);
    // Two works of one process come after each other; different processes prepare at once.
    const loading = names.map(async (peer) => {
      const way = PEERS[peer];
      if (way === undefined) throw new Error(`there is no peer '${peer}'`);
      return this.load(way.process, way.variant, work);
    });
    const loaded = (await Promise.allSettled(loading)).map((each) =>
      each.status === 'fulfilled' ? each.value : (each.reason as Error),
    );
    try {
      if (own instanceof Error) return { ...about, failure: own.message, peers: [] };
      const peers = loaded.map((peer, i) => compared(names[i] as string, own, peer, row.tolerance));
      const racing = peers.flatMap((peer, i) =>
        peer.leftOut === undefined ? [{ peer, by: loaded[i] as Loaded }] : [],
      );
      const turns = [own, ...racing.map(({ by }) => by)].map((each) => contestant(each, this.clock));
      const [ours, ...theirs] = await race(turns, { rounds: this.rounds, turn: row.turn });
      const standing = new Map(racing.map(({ peer }, i) => [peer.name, theirs[i]]));
      const results = peers.map((peer): PeerResult => {
        const { time, ratio } = standing.get(peer.name) ?? {};
        return { ...peer, ...(time === undefined ? {} : { time }), ...(ratio === undefined ? {} : { ratio }) };
      });
      return { ...about, ...(ours === undefined ? {} : { time: ours.time }), peers: results };
    } catch (error) {
      return { ...about, failure: (error as Error).message, peers: [] };
    } finally {
      for (const each of [own, ...loaded]) {
        if (!(each instanceof Error)) await each.process.ask('drop', { id: each.id }).catch(() => undefined);
      }
    }
  }

  private async load(process: string, variant: string, work: Work): Promise<Loaded> {
    const id = `${++this.count}`;
    const path = join(this.folder, id);
    const running = this.start(process);
    const { version } = await running.ask('load', { id, variant, work, path });
    const bytes = readFileSync(path);
    await rm(path);
    const results = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    return { id, process: running, version: `${version}`, results };
  }

  private start(name: string): Process {
    const known = this.processes.get(name);
    // One that broke over a row gets another chance at the next.
    const running = known === undefined || known.hasEnded ? this.startProcess(name) : known;
    this.processes.set(name, running);
    return running;
  }

  private startProcess(name: string): Process {
    const threads = `${this.threads}`;
    if (name.startsWith('fovea '))
      return Process.start([...ownCommand(name.slice(6) as OwnName), threads, ...levelOf(name)]);
    const places = peerPlaces();
    if (name === 'torch' || name === 'tensorflow') {
      if (places.python === undefined) throw new Error('there is no Python for the peers (FOVEA_PEERS, or --peers)');
      const env = { OMP_NUM_THREADS: threads, MKL_NUM_THREADS: threads, TF_CPP_MIN_LOG_LEVEL: '3' };
      return Process.start([places.python, 'bench/peers/peer.py', name, threads], env);
    }
    if (places.node === undefined) throw new Error('there are no packages of peers (FOVEA_NODE_PEERS, or --peers)');
    const command = [process.execPath, 'bench/peers/peer.mjs', name, threads];
    return Process.start(command, { FOVEA_NODE_PEERS: places.node });
  }
}

/** The bundle that ./main.ts makes of ./contestant.ts. */
export const CONTESTANT = 'build/programs/bench-contestant.mjs';

function ownCommand(own: OwnName): string[] {
  if (own === 'native') return [process.execPath, CONTESTANT, 'native'];
  return [own === 'wasm relaxed' ? newNode() : process.execPath, CONTESTANT, 'wasm'];
}

const levelOf = (name: string): string[] => (name.startsWith('fovea wasm ') ? [name.slice('fovea wasm '.length)] : []);

let found: string | undefined;

/** A Node that has relaxed SIMD: FOVEA_NODE24, this one, or one fetched by npx. */
export function newNode(): string {
  if (process.env.FOVEA_NODE24) return process.env.FOVEA_NODE24;
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  if (found !== undefined) return found;
  try {
    const args = ['-y', '-p', 'node@24', '-c', 'node -p process.execPath'];
    found = execFileSync('npx', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    throw new Error('there is no Node 24 (FOVEA_NODE24), which relaxed SIMD needs');
  }
  if (!existsSync(found)) throw new Error(`there is no Node 24 at ${found}`);
  return found;
}

function contestant({ id, process }: Loaded, clock: 'seconds' | 'cpu'): Contestant {
  return async (steps) => (await process.ask('time', { id, steps }))[clock] as number;
}

/** What is known of a peer before it is timed: the difference of its results from ours, or why it takes no part. */
function compared(name: string, own: Loaded, peer: Loaded | Error, tolerance: number): PeerResult {
  if (peer instanceof Error) return { name, version: '', difference: Number.NaN, leftOut: peer.message };
  const difference = differenceOf(own.results, peer.results);
  const known = { name, version: peer.version, difference };
  if (difference <= tolerance) return known;
  return { ...known, leftOut: `its results differ by ${difference.toExponential(1)}` };
}

/** The largest difference as a part of the largest value; infinite for arrays of different lengths. */
export function differenceOf(a: Float32Array, b: Float32Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let [largest, apart] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    const between = Math.abs(x - y);
    // NaN must not pass for equal.
    if (!(between <= apart)) apart = Number.isNaN(between) ? Number.POSITIVE_INFINITY : between;
    if (Math.abs(y) > largest) largest = Math.abs(y);
  }
  return apart === 0 ? 0 : apart / largest;
}
