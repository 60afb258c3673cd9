// Every convolution of ../shapes: forward as in a prediction (the filter stays), the gradients as in training.
import { TORCH_EAGER } from '../contestants.js';
import type { Row } from '../row.js';
import { type Convolution, convolutions, nameOf } from '../shapes/convolutions.js';
import type { ConvWork } from '../work.js';

const DIRECTIONS = ['forward', 'dX', 'dW'] as const;

/** The product of a direction; a transposed convolution's forward is the other's gradient. */
function workOf(shape: Convolution, direction: (typeof DIRECTIONS)[number]): ConvWork {
  const isForward = direction === 'forward';
  const product = direction === 'dW' ? 'dFilter' : isForward !== shape.isTransposed ? 'y' : 'dx';
  return { ...shape, kind: 'conv', product, isInference: isForward };
}

export function convRows(): Row[] {
  return convolutions().flatMap((shape) =>
    DIRECTIONS.map((direction) => ({
      suite: 'conv',
      family: shape.network,
      part: direction,
      name: nameOf(shape),
      work: workOf(shape, direction),
      own: 'native' as const,
      peers: TORCH_EAGER,
      goals: [{ atLeast: 0.9 }],
      tolerance: 2e-4,
      turn: 6,
    })),
  );
}
