// A model as a class: a residual network whose blocks are layers of its own, kept in a list. It is trained, saved, and found
// again by its class, which is registered with what the file calls it.
import {
  add,
  datasets,
  Layer,
  type LayerOptions,
  layers,
  models,
  optimizers,
  registerLayer,
  relu,
  setRandomSeed,
  type Tensor,
} from 'fovea';

class Residual extends Layer {
  static override readonly className: string = 'Residual';
  private readonly filters: number;
  private readonly first: Layer;
  private readonly second: Layer;
  private readonly shortcut: Layer;

  constructor({ filters, ...options }: LayerOptions & { filters: number }) {
    super(options);
    this.filters = filters;
    this.first = layers.conv2d({ filters, kernelSize: 3, strides: 2, padding: 'same', activation: 'relu' });
    this.second = layers.conv2d({ filters, kernelSize: 3, padding: 'same' });
    this.shortcut = layers.conv2d({ filters, kernelSize: 1, strides: 2 });
  }

  override call([x]: readonly [Tensor]): Tensor {
    return relu(add(this.second.apply(this.first.apply(x)), this.shortcut.apply(x)));
  }

  override getConfig(): { filters: number } {
    return { filters: this.filters };
  }
}

class SmallResNet extends models.Model {
  static override readonly className: string = 'SmallResNet';
  private readonly classes: number;
  private readonly blocks = [8, 16, 16].map((filters) => new Residual({ filters }));
  private readonly scaling = layers.rescaling({ scale: 1 / 255 });
  private readonly pool = layers.globalAveragePooling2d();
  private readonly drop = layers.dropout({ rate: 0.1 });
  private readonly head: Layer;

  constructor({ classes, ...options }: LayerOptions & { classes: number }) {
    super(options);
    this.classes = classes;
    this.head = layers.dense({ units: classes, activation: 'softmax' });
  }

  override call([x]: readonly [Tensor]): Tensor {
    let maps = this.scaling.apply(x);
    for (const block of this.blocks) maps = block.apply(maps);
    return this.head.apply(this.drop.apply(this.pool.apply(maps)));
  }

  override getConfig(): { classes: number } {
    return { classes: this.classes };
  }
}

registerLayer(Residual, { package: 'examples' });
registerLayer(SmallResNet, { package: 'examples' });

setRandomSeed(1);
const { train, test } = await datasets.strokes({ count: 600, testCount: 200, seed: 1 });
const model = new SmallResNet({ classes: 10 });
model.compile({
  optimizer: optimizers.adam({ learningRate: 0.01 }),
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
});
const { history } = await model.fit(train, { epochs: 8, batchSize: 20, verbose: 0 });
console.log(model.summary({ lineLength: 70 }));
console.log(`loss ${history.loss?.map((value) => value.toFixed(2)).join(' ')}`);
console.log(`accuracy on unseen strokes ${((await model.evaluate(test)).accuracy ?? 0).toFixed(3)}`);

const again = await models.load(await model.toBytes());
const [a, b] = [await model.predict(test.x), await again.predict(test.x)];
const isSame = a.data.every((value, i) => value === b.data[i]);
console.log(`a ${again.className} from the file, with the same predictions: ${isSame}`);
