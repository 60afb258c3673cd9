// He's ResNets for CIFAR-10: sizes, depths, weight decay.
import { describe, expect, it } from 'vitest';
import { layers, zoo } from '../../src/index.js';

describe('cifarResnet', () => {
  it('has 6n + 2 layers with weights, and the parameters of the same network in Keras', () => {
    const model = zoo.cifarResnet();
    const trainable = model.trainableWeights.reduce((sum, { size }) => sum + size, 0);
    expect([model.countParams(), trainable, model.outputShape]).toEqual([274_042, 272_474, [null, 10]]);
    const weighty = model.layers.filter(({ className }) => ['Conv2D', 'Dense'].includes(className));
    // Two more are the 1x1 convolutions of shortcuts.
    expect(weighty).toHaveLength(22);
    expect(() => zoo.cifarResnet({ depth: 21 })).toThrow('depth is 21, which is not 6n + 2.');
  });

  it('takes a decay, a size and layers in front', () => {
    const model = zoo.cifarResnet({
      depth: 8,
      decay: 1e-4,
      inputShape: [16, 16, 1],
      classes: 3,
      preparation: [layers.rescaling({ scale: 1 / 255, name: 'scaled' })],
    });
    expect([model.layers[1]?.name, model.outputShape]).toEqual(['scaled', [null, 3]]);
    expect(model.losses).toHaveLength(10);
  });
});
