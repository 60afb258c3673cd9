// Ng: MobileNet is 13 depthwise separable blocks; MobileNetV2 17 blocks that expand, filter and project, with a skip wherever the
// sizes allow it.
import { type models, zoo } from 'fovea';

const count = (model: models.TrainableModel, name: string): number =>
  model.layers.filter(({ className }) => className === name).length;
const [first, second] = [zoo.mobilenet(), zoo.mobilenetV2()];
console.log(
  `MobileNet: ${count(first, 'DepthwiseConv2D')} separable blocks, ${first.countParams().toLocaleString('en')} parameters`,
);
console.log(
  `MobileNetV2: ${count(second, 'DepthwiseConv2D')} blocks, ${count(second, 'Add')} skips, ${second.countParams().toLocaleString('en')} parameters`,
);
const millions = (model: models.TrainableModel): string => (model.cost().multiplications / 1e6).toFixed(0);
console.log(`multiplications: ${millions(first)} and ${millions(second)} million`);
