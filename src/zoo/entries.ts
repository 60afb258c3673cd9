// What the zoo has, by name. The entries stand in ./entries, by where their networks and weights come from.
import type { ZooEntry } from './entries/entry.js';
import { kerasEntries } from './entries/keras.js';
import { scaledEntries } from './entries/keras-scaled.js';
import { classicEntries, smallEntries } from './entries/small.js';
import { torchvisionEntries } from './entries/torchvision.js';

export type { Preprocessing, PublishedFile, PublishedWeights, ZooEntry } from './entries/entry.js';

/** All architectures. */
export const architectures: Readonly<Record<string, ZooEntry>> = {
  ...smallEntries,
  ...kerasEntries,
  ...scaledEntries,
  ...classicEntries,
  ...torchvisionEntries,
};
