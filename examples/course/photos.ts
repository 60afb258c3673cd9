// Photos for the examples that want several of them: from the data folder, else painted.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadImage } from 'fovea';
import { type Picture, paintedScene } from './lib.js';

/** A colour photo with its name. */
export interface NamedPicture extends Picture {
  readonly name: string;
}

/** The photos of these names in the data folder, 0..1; a scene painted in each one's place where it is missing. */
export async function photosOf(names: readonly string[], height: number, width: number): Promise<NamedPicture[]> {
  const folder = join(process.env.FOVEA_DATA ?? '', 'photos');
  return Promise.all(
    names.map(async (name, i) => {
      const path = join(folder, name);
      if (!process.env.FOVEA_DATA || !existsSync(path))
        return { ...mirrored(paintedScene(height, width), i), name: 'a painted scene' };
      const { data } = await loadImage(path, { size: [height, width] });
      return { data: Float32Array.from(data, (value) => value / 255), shape: [height, width, 3], name };
    }),
  );
}

// Every second painted scene is the first one's mirror image in other light, so that two are two.
function mirrored({ data, shape }: Picture, i: number): Picture {
  if (i % 2 === 0) return { data, shape };
  const [, width, channels] = shape;
  const light = [1, 0.85, 0.6];
  return {
    shape,
    data: data.map((_, at) => {
      const channel = at % channels;
      const pixel = (at - channel) / channels;
      const column = pixel % width;
      return (data[(pixel - column + width - 1 - column) * channels + channel] as number) * (light[channel] as number);
    }),
  };
}
