// Ng, intro and Kim: LeNet-5, convolutions and pools by turns, then dense layers; the maps get smaller and more. On colour
// 32x32x3 it has 62,006 parameters, on grey 61,706. The paper of 1998 had 60,000: each map of its third layer sees only some
// of the six maps before it, its pools learn a factor and a bias, and its output measures distances to 840 drawn cells.
import { models, zoo } from 'fovea';
import { sizes } from './lib.js';

const grouped = (count: number): string => count.toLocaleString('en');
const colour = zoo.classics.lenet5({ inputShape: [32, 32, 3] });
for (const layer of colour.layers.slice(1)) {
  const output = sizes(layer.calls[0]?.outputs[0]?.shape.slice(1) as number[]);
  console.log(`${layer.name.padEnd(12)} ${output.padEnd(9)} ${grouped(layer.countParams())}`);
}
console.log(`on colour ${grouped(colour.countParams())}, on grey ${grouped(zoo.classics.lenet5().countParams())}`);

const paper = zoo.classics.lenet5({ sparse: true });
const trained = paper.trainableWeights.reduce((sum, { size }) => sum + size, 0);
const partOf = (start: string): number =>
  paper.layers.filter(({ name }) => name.startsWith(start)).reduce((sum, layer) => sum + layer.countParams(), 0);
console.log(
  `1998: C1 ${partOf('c1')}, S2 ${partOf('s2')}, C3 ${partOf('c3')}, S4 ${partOf('s4')}, C5 ${grouped(partOf('c5'))}, F6 ${grouped(partOf('f6'))}`,
);
console.log(`1998: ${grouped(trained)} trained, ${grouped(paper.countParams() - trained)} fixed`);

// Map 0 of C3 sees maps 0, 1 and 2: what the fourth pool gives does not reach it.
const watcher = models.model({ inputs: paper.inputs, outputs: paper.getLayer('c3_0').calls[0]?.inputs ?? [] });
console.log(`map 0 of C3 sees ${watcher.outputShape.at(-1)} maps of 6`);
