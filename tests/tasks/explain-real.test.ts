// Real weights on real pictures, from the folder FOVEA_DATA; skipped without it.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { datasets, models, rowOf, zoo } from '../../src/index.js';
import * as explain from '../../src/tasks/explain/index.js';

const at = (...parts: string[]): string => join(process.env.FOVEA_DATA ?? '', ...parts);
const isThere = (...parts: string[]): boolean => process.env.FOVEA_DATA !== undefined && existsSync(at(...parts));
const weights = ['weights', 'mobilenet-v1-0.25-tfjs', 'model.json'] as const;
const residual = ['weights', 'resnet8-cifar10-h5', 'pretrainedResnet.h5'] as const;

describe('with FOVEA_DATA', () => {
  it.skipIf(!isThere(...weights))('MobileNet sees the goldfish, by Grad-CAM as by class activation maps', async () => {
    const model = await zoo.create('mobilenet', { alpha: 0.25, weights: at(...weights) });
    const rows = readFileSync(at('imagenet-samples', 'classes_1000.tsv'), 'utf8').trimEnd().split('\n');
    const labels = rows.map((row) => row.split('\t')[2] as string);
    const file = readdirSync(at('imagenet-samples')).find((name) => name.includes('goldfish')) as string;
    const found = await explain.gradCam(model, at('imagenet-samples', file), { labels });
    expect(found).toMatchObject({ label: 'goldfish', layer: 'conv_pw_13_relu' });
    expect(found.probability).toBeGreaterThan(0.9);
    expect(found.map.shape).toEqual([7, 7]);
    const cam = await explain.classActivationMap(model, at('imagenet-samples', file), { labels });
    const most = Math.max(...found.map.data);
    found.map.data.forEach((value, i) => {
      expect(Math.abs(value - Math.max(0, cam.map.data[i] as number) / 49)).toBeLessThan(1e-4 * most);
    });
    // The corners of this photo are water.
    expect(Math.max(...[0, 6, 42, 48].map((corner) => found.map.data[corner] as number))).toBeLessThan(most / 2);
    const { completenessError } = await explain.integratedGradients(model, at('imagenet-samples', file), { labels });
    expect(completenessError).toBeLessThan(0.05);
  });

  it.skipIf(!isThere(...residual) || !isThere('cifar10'))("a Keras file's residual network", async () => {
    const model = await models.load(at(...residual));
    const { test } = await datasets.cifar10();
    const options = { labels: test.classNames as string[] };
    const found = await explain.gradCam(model, rowOf(test.x, 0), options);
    expect(found.label).toBe(test.classNames?.[test.y.data[0] as number]);
    const cam = await explain.classActivationMap(model, rowOf(test.x, 0), options);
    expect(cam.map.shape).toEqual(found.map.shape);
    const places = found.map.data.length;
    const most = Math.max(...found.map.data);
    found.map.data.forEach((value, i) => {
      expect(Math.abs(value - Math.max(0, cam.map.data[i] as number) / places)).toBeLessThan(1e-4 * most);
    });
  });
});
