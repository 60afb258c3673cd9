// Ng: EfficientNet grows in picture size, depth and width together, as the device allows: B0 to B7.
import { zoo } from 'fovea';

const sizes = [
  zoo.efficientnetB0(),
  zoo.efficientnetB1(),
  zoo.efficientnetB2(),
  zoo.efficientnetB3(),
  zoo.efficientnetB4(),
  zoo.efficientnetB5(),
  zoo.efficientnetB6(),
  zoo.efficientnetB7(),
];
sizes.forEach((model, i) => {
  const depth = model.layers.filter(({ className }) => className === 'DepthwiseConv2D').length;
  const width = model.layers.at(-1)?.weights[0]?.shape[0];
  console.log(
    `B${i}: pictures of ${model.inputShape[1]}, ${depth} blocks, ${width} features, ${model.countParams().toLocaleString('en')} parameters`,
  );
});
// The formula that they were rounded from: 1.2 as deep, 1.1 as wide, 1.15 as large for each step.
const formula = [0, 1, 2].map((phi) => zoo.efficientnet({ phi }).inputShape[1]);
console.log(`by the formula: ${formula.join(', ')}`);
