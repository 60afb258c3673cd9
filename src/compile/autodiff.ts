// Reverse-mode differentiation: walks the graph back from a scalar, asking each op for its rule. The rules
// are written in ops, so what comes out can be differentiated again.
import { isFloat } from '../core/dtype.js';
import { FoveaError } from '../core/errors.js';
import { formatShape, sameShape } from '../core/shape.js';
import { topological } from '../graph/interpret.js';
import type { Node } from '../graph/node.js';
import type { AnyOp, GradientRequest } from '../graph/op.js';
import { scalar, Tensor, whileTracing } from '../graph/tensor.js';
import { add, cast } from '../ops/arithmetic.js';
import { broadcastTo, sumTo } from '../ops/shape.js';

/** Says what flows back to a node's inputs in place of its op's own rule; undefined leaves that to the op. */
export type GradientRule = (op: AnyOp, request: GradientRequest<object>) => readonly (Tensor | undefined)[] | undefined;

/**
 * The gradients of `y` with respect to `xs`. A tensor that y does not depend on gets zeros.
 * `dy` is what flows into y, default 1; `rule` may replace the gradients of ops. Throws `argument` where y is not a scalar
 * and dy is missing.
 */
export function gradients(y: Tensor, xs: readonly Tensor[], dy?: Tensor, rule?: GradientRule): Tensor[] {
  if (dy === undefined && y.size !== 1) {
    throw new FoveaError({
      code: 'argument',
      op: 'grad',
      message: `the function must give a scalar; it gave ${formatShape(y.shape)}.`,
      got: y.shape,
      hint: 'Sum or average the result first.',
    });
  }
  const order = topological([y]);
  const isOnPath = markPath(order, xs);
  const flowing = new Map<Node, (Tensor | undefined)[]>();
  const send = (to: Tensor, gradient: Tensor): void => {
    let slots = flowing.get(to.node);
    if (slots === undefined) {
      slots = to.node.types.map(() => undefined);
      flowing.set(to.node, slots);
    }
    const before = slots[to.index];
    slots[to.index] = before === undefined ? gradient : add(before, gradient);
  };
  // What several nodes of one op send to one tensor waits until all have: its parts may be joined instead of added.
  const waiting = new Map<Node, Shared[]>();
  const share = (to: Tensor, index: number, request: GradientRequest<object>, gradient: Tensor, op: AnyOp): void => {
    const known = waiting.get(to.node) ?? [];
    waiting.set(to.node, known);
    let shared = known.find((each) => each.op === op && each.index === index && each.to.index === to.index);
    if (shared === undefined) {
      shared = { to, index, op, requests: [], gradients: [] };
      known.push(shared);
    }
    shared.requests.push(request);
    shared.gradients.push(gradient);
  };
  const settle = (node: Node): void => {
    for (const { to, index, op, requests, gradients: each } of waiting.get(node) ?? []) {
      const joined = requests.length > 1 ? op.sharedGradient?.(index, requests) : undefined;
      for (const gradient of joined === undefined ? each : [joined]) send(to, gradient);
    }
    waiting.delete(node);
  };
  const zeros = (of: Tensor): Tensor => broadcastTo(scalar(0, of.dtype), of.shape);
  send(y, dy ?? broadcastTo(scalar(1, y.dtype), y.shape));
  for (const node of order.reverse()) {
    settle(node);
    const dys = flowing.get(node);
    if (dys === undefined || node.inputs.length === 0 || !isOnPath.has(node)) continue;
    if (node.op.gradient === 'none') continue;
    const outputs = node.types.map((_, index) => new Tensor(node, index));
    const first = dys[0] ?? zeros(outputs[0] as Tensor);
    const request = { inputs: node.inputs, outputs, params: node.params, dys, dy: first };
    const results = rule?.(node.op, request) ?? node.op.gradient(request);
    node.inputs.forEach((input, i) => {
      const dx = results[i];
      if (dx === undefined || !isOnPath.has(input.node) || !isFloat(input.dtype)) return;
      // A pointwise rule speaks of the broadcast shape; its input may have been smaller.
      const fitted = node.op.lower === undefined ? dx : sumTo(dx, input.shape);
      if (!sameShape(fitted.shape, input.shape)) {
        throw new FoveaError({
          code: 'internal',
          op: node.op.name,
          message: `the gradient of input ${i} has shape ${formatShape(fitted.shape)}, not ${formatShape(input.shape)}.`,
        });
      }
      const gradient = fitted.dtype === input.dtype ? fitted : cast(fitted, input.dtype);
      if (node.op.sharedGradient === undefined) send(input, gradient);
      else share(input, i, request, gradient, node.op);
    });
  }
  return xs.map((x) => flowing.get(x.node)?.[x.index] ?? zeros(x));
}

/** What nodes of one op send to one tensor, each reading it at the same place among its inputs. */
interface Shared {
  readonly to: Tensor;
  readonly index: number;
  readonly op: AnyOp;
  readonly requests: GradientRequest<object>[];
  readonly gradients: Tensor[];
}

/** The nodes through which y depends on one of xs. */
function markPath(order: readonly Node[], xs: readonly Tensor[]): Set<Node> {
  const path = new Set<Node>(xs.map((x) => x.node));
  for (const node of order) {
    if (node.inputs.some((input) => path.has(input.node))) path.add(node);
  }
  return path;
}

/** A function of tensors that gives a scalar. */
export type ScalarFunction = (...args: Tensor[]) => Tensor;

/** What `grad` differentiates by: positions of arguments, by default the first. */
export interface GradOptions {
  arguments?: readonly number[];
}

/**
 * The function that gives the value of `fn` and its gradients with respect to the chosen arguments.
 *
 * @example
 * const f = fovea.valueAndGrad((x) => fovea.sum(fovea.square(x)));
 * const { value, gradients } = f(fovea.tensor([1, 2]));
 */
export function valueAndGrad(
  fn: ScalarFunction,
  options: GradOptions = {},
): (...args: Tensor[]) => { value: Tensor; gradients: Tensor[] } {
  const by = options.arguments ?? [0];
  return (...args) => {
    // Deep functions must not be computed half-way: what is computed forgets what it was made from.
    const value = whileTracing(() => fn(...args));
    const xs = by.map((i) => {
      const x = args[i];
      if (x === undefined || !isFloat(x.dtype)) {
        throw new FoveaError({
          code: 'argument',
          op: 'grad',
          message:
            x === undefined ? `there is no argument ${i}.` : `argument ${i} is ${x.dtype}; only floats have gradients.`,
          got: x?.dtype ?? args.length,
        });
      }
      return x;
    });
    return { value, gradients: whileTracing(() => gradients(value, xs)) };
  };
}

/**
 * The gradient of `fn` with respect to its first argument.
 *
 * @example
 * const slope = fovea.grad((x) => fovea.sum(fovea.square(x)));
 * console.log(await slope(fovea.tensor([3])).data()); // [6]
 */
export function grad(fn: ScalarFunction): (...args: Tensor[]) => Tensor {
  const both = valueAndGrad(fn);
  return (...args) => both(...args).gradients[0] as Tensor;
}
