// Initializers beside what golden values show (../golden.test.ts): the repeatability of what they draw, and errors.
import { describe, expect, it } from 'vitest';
import type { Shape } from '../../src/core/shape.js';
import { Variable } from '../../src/graph/variable.js';
import {
  constant,
  glorotUniform,
  type InitializerLike,
  initializerFromConfig,
  makeInitializer,
  serializeInitializer,
} from '../../src/nn/initializers.js';
import { drawSeed, setRandomSeed } from '../../src/nn/random.js';

describe('initializers', () => {
  const draw = (like: InitializerLike, shape: Shape = [4, 4]): Float32Array => makeInitializer(like).values(shape);

  it('repeat after setRandomSeed, with another stream for every weight', () => {
    setRandomSeed(7);
    const [first, second] = [draw('glorotUniform'), draw('glorotUniform')];
    const seed = drawSeed();
    expect(first).not.toEqual(second);
    setRandomSeed(7);
    expect([draw('glorotUniform'), draw('glorotUniform')]).toEqual([first, second]);
    expect(drawSeed()).toBe(seed);
    setRandomSeed(8);
    expect(draw('glorotUniform')).not.toEqual(first);
  });

  it('draw the same numbers from a seed of their own', () => {
    setRandomSeed(1);
    const seeded = glorotUniform({ seed: 3 });
    expect(seeded.values([4, 4])).toEqual(seeded.values([4, 4]));
    expect(seeded.values([4, 4])).toEqual(initializerFromConfig(serializeInitializer(seeded)).values([4, 4]));
  });

  it('fill variables of any dtype', () => {
    const variable = Variable.from(new Uint16Array(2), [2], 'bfloat16');
    makeInitializer(constant(1.5)).fill(variable);
    expect([...(variable.tensor.storage?.host ?? [])]).toEqual([0x3fc0, 0x3fc0]);
  });

  it('take functions, which must fill the weight and cannot be saved', () => {
    const variable = Variable.from(new Float32Array(3), [3], 'float32', { name: 'bias' });
    const short = makeInitializer(() => new Float32Array(2));
    expect(() => short.fill(variable)).toThrow('initializer: gave 2 values for weight "bias" of shape [3].');
    expect(() => short.getConfig()).toThrow(
      'initializer: a function given as an initializer cannot be saved.\n  Use one of fovea.initializers, or set the weights after loading.',
    );
  });

  it('are read in every spelling and written in Keras 3 form', () => {
    for (const name of ['heNormal', 'he_normal', 'HeNormal', { class_name: 'HeNormal', config: { seed: null } }]) {
      expect(serializeInitializer(initializerFromConfig(name))).toEqual({
        module: 'keras.initializers',
        class_name: 'HeNormal',
        config: { seed: null, input_axes: null, output_axes: null },
        registered_name: null,
      });
    }
  });

  it('refuse unknown names', () => {
    expect(() => makeInitializer('glorotUnifrom' as InitializerLike)).toThrow(
      'initializer: unknown initializer "glorotUnifrom"; did you mean "glorotUniform"?',
    );
    expect(() => draw('identity', [3])).toThrow(
      'Identity: needs a weight with two axes; got [3].\n  Use another initializer for it.',
    );
  });
});
