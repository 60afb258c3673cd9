// Cells on top of each other, as one cell.

import { FoveaError } from '../../core/errors.js';
import type { Shape } from '../../core/shape.js';
import type { Tensor } from '../../graph/tensor.js';
import { unstack } from '../../ops/join.js';
import { type CallContext, Layer, type LayerSlot } from '../layer.js';
import type { PartialShape } from '../symbolic.js';
import type { CommonOptions } from './configured.js';
import { type Field, refuseOption } from './fields.js';
import { RecurrentCell, type Stepper } from './recurrent-cell.js';
import { layerField } from './registered.js';

/** See `layers.stackedRnnCells`. */
export interface StackedRNNCellsOptions extends CommonOptions {
  /** From the input to the output. */
  cells: readonly Layer[];
}

const one = layerField('a cell');
const cellsField: Field<readonly RecurrentCell<object & Record<never, never>>[]> = {
  check(value, place) {
    const isRight = Array.isArray(value) && value.length > 0 && value.every((each) => each instanceof RecurrentCell);
    if (isRight) return [...value];
    throw refuseOption(place, 'a list of cells', Array.isArray(value) ? value.map(nameOf) : value);
  },
  write: (value) => value.map((each) => one.write(each)),
  read: (value, makeLayer, place) =>
    Array.isArray(value) ? value.map((each) => one.read?.(each, makeLayer, place)) : value,
};

function nameOf(value: unknown): unknown {
  return value instanceof Layer ? value.className : value;
}

const stackedFields = { cells: cellsField };

/** Cells on top of each other: each takes the output of the one before. */
export class StackedRNNCells extends RecurrentCell<typeof stackedFields> {
  static override readonly className: string = 'StackedRNNCells';
  static override readonly fields = stackedFields;

  constructor(options: StackedRNNCellsOptions) {
    super(options);
    const names = new Set(this.cells.map(({ name }) => name));
    if (new Set(this.cells).size === this.cells.length && names.size > 0) return;
    throw new FoveaError({
      code: 'argument',
      op: this.className,
      message: 'cells holds one cell twice.',
      path: this.name,
      hint: 'Make a cell of its own for each place.',
    });
  }

  get cells(): readonly RecurrentCell<object & Record<never, never>>[] {
    return this.settings.cells;
  }

  override get sublayers(): readonly Layer[] {
    return this.cells;
  }

  override get slots(): readonly LayerSlot[] {
    return [{ attribute: 'cells', layers: this.cells }];
  }

  override get stateShapes(): readonly Shape[] {
    return this.cells.flatMap(({ stateShapes }) => stateShapes);
  }

  override get outputShape(): Shape {
    return (this.cells.at(-1) as RecurrentCell<object & Record<never, never>>).outputShape;
  }

  override build([shape]: readonly [PartialShape, ...PartialShape[]]): void {
    let below = shape;
    for (const cell of this.cells) {
      cell.ensureBuilt([below]);
      below = [shape[0] ?? null, ...cell.outputShape];
    }
  }

  override begin(sequence: Tensor, context: CallContext): Stepper {
    return {
      inputs: unstack(sequence),
      step: (input, states) => {
        let x = input;
        let used = 0;
        const after = this.cells.flatMap((cell) => {
          const own = states.slice(used, used + cell.stateShapes.length);
          used += own.length;
          const [output, ...next] = cell.run([x, ...own], context) as readonly [Tensor, ...Tensor[]];
          x = output;
          return next;
        });
        return [x, ...after];
      },
    };
  }
}
