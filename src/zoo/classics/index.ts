// Networks as their papers have them.
export { type AlexNetOptions, alexnet } from './alexnet.js';
export { darknet19, darknet53 } from './darknet.js';
export { googlenet, type PaperGoogLeNetOptions } from './googlenet.js';
export { type LeNetOptions, lenet5 } from './lenet.js';
export { networkInNetwork } from './network-in-network.js';
