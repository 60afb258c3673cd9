import { describe, expect, it } from 'vitest';
import { trace } from '../../src/compile/trace.js';
import { inputOp, variableOp } from '../../src/graph/node.js';
import { isTracing, type Tensor, tensor } from '../../src/graph/tensor.js';
import { mapAssignments, Variable } from '../../src/graph/variable.js';
import * as ops from '../../src/ops/index.js';
import { messageOf } from '../ops/numeric.js';

const counter = (): Variable => Variable.from(Float32Array.of(1, 2), [2], 'float32', { name: 'counter' });
const vector = { shape: [2], dtype: 'float32' } as const;

describe('trace', () => {
  it('keeps the graph, its arguments and its variables', () => {
    const w = counter();
    const traced = trace((x) => [ops.add(x, w.value), ops.exp(x)], [vector]);
    expect(traced.graph.outputs.map(({ node }) => node.op.name)).toEqual(['add', 'exp']);
    expect(traced.graph.updates).toEqual([]);
    const [x, leaf] = (traced.graph.outputs[0] as Tensor).node.inputs as [Tensor, Tensor];
    expect([x.node, leaf.node.op]).toEqual([traced.arguments[0], variableOp]);
    expect(x.node.op).toBe(inputOp);
    expect(traced.variables.get(leaf.node)).toBe(w);
    expect(traced.assigned).toEqual([]);
  });

  it('makes one update of several assignments, each of which sees the last', () => {
    const w = counter();
    const { graph, assigned } = trace(() => {
      w.assign(ops.add(w.value, 1));
      w.assign(ops.multiply(w.value, 2));
      return [w.value];
    }, []);
    expect(assigned).toEqual([w]);
    expect(graph.updates.length).toBe(1);
    expect(graph.updates[0]?.value).toBe(graph.outputs[0]);
    expect(graph.outputs[0]?.node.inputs[0]?.node.op.name).toBe('add');
  });

  it('notes a variable that is assigned and never read', () => {
    const w = counter();
    const { graph, variables } = trace(() => {
      w.assign(ops.zeros([2]));
      return [];
    }, []);
    expect(variables.get(graph.updates[0]?.target as never)).toBe(w);
  });

  it('lets assignments be replaced, and only inside', () => {
    const w = counter();
    const { graph } = trace(() => {
      w.assign(ops.exp(w.value));
      mapAssignments((_variable, assigned, before) => ops.add(assigned, before));
      return [];
    }, []);
    expect(graph.updates[0]?.value.node.op.name).toBe('add');
    mapAssignments(() => expect.fail('there is no trace'));
  });

  it('leaves the variables themselves alone, also when the function throws', async () => {
    const w = counter();
    const boom = (): never => {
      w.assign(ops.zeros([2]));
      throw new Error('boom');
    };
    expect(() => trace(boom, [])).toThrow('boom');
    expect(isTracing()).toBe(false);
    expect([...(await w.elements())]).toEqual([1, 2]);
    expect(w.value.node.op).not.toBe(variableOp);
  });

  it('nests: the inner trace has its own leaves', () => {
    const w = counter();
    const { graph } = trace(() => {
      w.assign(ops.exp(w.value));
      const inner = trace(() => [w.value], []);
      expect(inner.graph.outputs[0]?.node.op).toBe(variableOp);
      return [w.value];
    }, []);
    expect(graph.outputs[0]?.node.op.name).toBe('exp');
  });

  it('refuses values of another type', () => {
    const w = counter();
    expect(messageOf(() => w.assign(ops.zeros([3])))).toBe(
      'assign: variable "counter" is float32 [2]; the value is float32 [3].',
    );
  });

  it('refuses functions that do not give an array of tensors', () => {
    const want =
      'compile: the function must give an array of tensors.\n  Wrap a single tensor: return [y]. An async function cannot be compiled.';
    const asTensors = (value: unknown) => () => value as Tensor[];
    for (const bad of [tensor(1), Promise.resolve([]), [1], undefined]) {
      expect(messageOf(() => trace(asTensors(bad), []))).toBe(want);
    }
  });
});
