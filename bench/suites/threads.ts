// What threads bring: training with 1, 2, 3, 4 and 8, in turns; two should be nearly twice as fast as one, and more than
// there are cores no cliff.
import { CONTESTANT } from '../contestants.js';
import { Process } from '../process.js';
import { race } from '../race.js';
import type { Figure } from '../row.js';
import type { LectureWork } from '../work.js';

const COUNTS = [1, 2, 3, 4, 8];
/** Slower than two threads by this factor would be a cliff. */
const CLIFF = 1.25;

export async function threadFigures(folder: string, rounds: number): Promise<Figure[]> {
  const work: LectureWork = { kind: 'train', batch: 32, dtype: 'float32', folder, checkedSteps: 1 };
  const own = COUNTS.map((count) => Process.start([process.execPath, CONTESTANT, 'native', `${count}`]));
  try {
    for (const each of own) await each.ask('load', { id: '1', work, path: `${folder}/threads` });
    const turns = own.map((each) => async (steps: number) => {
      return (await each.ask('time', { id: '1', steps })).seconds as number;
    });
    // The first contestant is what the others are compared with: two threads.
    const standings = await race(
      [turns[1], turns[0], ...turns.slice(2)].filter((each) => each !== undefined),
      {
        rounds,
        turn: 300,
      },
    );
    return standings.flatMap(({ time, ratio }, i): Figure[] => {
      const count = [2, 1, 3, 4, 8][i];
      const about = { kind: 'figure', suite: 'threads', note: `${time.median.toFixed(1)} ms a training step` } as const;
      if (ratio === undefined || count === 2) return [];
      if (count === 1) {
        const name = 'two threads against one';
        return [{ ...about, name, value: ratio.median, unit: '', atLeast: 1.85 }];
      }
      return [
        { ...about, name: `${count} threads, time over that of two`, value: ratio.median, unit: '', atMost: CLIFF },
      ];
    });
  } finally {
    for (const each of own) each.stop();
  }
}
