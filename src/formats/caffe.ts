// The numbers of a .caffemodel: blobs by layer. Its layers' settings are not read; a .prototxt says how they are put together.
// Field numbers: https://github.com/BVLC/caffe/blob/master/src/caffe/proto/caffe.proto
import { sizeOf } from '../core/shape.js';
import { formatError, refuseHtml } from './cursor.js';
import { type Message, readMessage, writeMessage } from './protobuf.js';

interface BlobShape {
  dim?: readonly bigint[];
}

interface BlobProto {
  num?: number;
  channels?: number;
  height?: number;
  width?: number;
  data?: Float32Array;
  shape?: BlobShape;
  doubleData?: Float64Array;
}

interface LayerProto {
  name?: string;
  blobs?: readonly BlobProto[];
}

interface NetProto {
  name?: string;
  layers?: readonly LayerProto[];
  layer?: readonly LayerProto[];
}

const blobShape: Message<BlobShape> = {
  name: 'BlobShape',
  fields: { dim: { number: 1, kind: 'int64', repeated: true, packed: true } },
};

const blobProto: Message<BlobProto> = {
  name: 'BlobProto',
  fields: {
    num: { number: 1, kind: 'int32' },
    channels: { number: 2, kind: 'int32' },
    height: { number: 3, kind: 'int32' },
    width: { number: 4, kind: 'int32' },
    data: { number: 5, kind: 'float', repeated: true, packed: true },
    shape: { number: 7, kind: () => blobShape },
    doubleData: { number: 8, kind: 'double', repeated: true, packed: true },
  },
};

const layerProto: Message<LayerProto> = {
  name: 'LayerParameter',
  fields: {
    name: { number: 1, kind: 'string' },
    blobs: { number: 7, kind: () => blobProto, repeated: true },
  },
};

/** Layers before 2014. */
const oldLayerProto: Message<LayerProto> = {
  name: 'V1LayerParameter',
  fields: {
    name: { number: 4, kind: 'string' },
    blobs: { number: 6, kind: () => blobProto, repeated: true },
  },
};

const netProto: Message<NetProto> = {
  name: 'NetParameter',
  fields: {
    name: { number: 1, kind: 'string' },
    layers: { number: 2, kind: () => oldLayerProto, repeated: true },
    layer: { number: 100, kind: () => layerProto, repeated: true },
  },
};

/** An array of a layer, in Caffe's order of axes. */
export interface CaffeBlob {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The blobs of a .caffemodel by the layer's name. Throws `format` for a damaged file. */
export function readCaffeModel(bytes: Uint8Array, file = 'net.caffemodel'): ReadonlyMap<string, readonly CaffeBlob[]> {
  if (bytes.length === 0) throw formatError(file, 'the file is empty: a .caffemodel was expected.');
  refuseHtml(bytes, file, 'a .caffemodel');
  const { layer = [], layers = [] } = readMessage(netProto, bytes, file, 'a .caffemodel');
  const blobs = new Map<string, readonly CaffeBlob[]>();
  for (const each of [...layers, ...layer]) {
    const name = each.name ?? '';
    if ((each.blobs?.length ?? 0) > 0)
      blobs.set(
        name,
        (each.blobs ?? []).map((blob) => readBlob(blob, name, file)),
      );
  }
  if (blobs.size === 0) {
    throw formatError(file, 'the file has no layers with numbers: this is no .caffemodel.', {
      hint: 'Solver states hold no network; give the .caffemodel of the same snapshot.',
    });
  }
  return blobs;
}

function readBlob(
  { num, channels, height, width, shape, data, doubleData }: BlobProto,
  name: string,
  file: string,
): CaffeBlob {
  const sizes =
    shape === undefined ? [num ?? 0, channels ?? 0, height ?? 0, width ?? 0] : (shape.dim ?? []).map(Number);
  const values = data ?? (doubleData === undefined ? new Float32Array() : Float32Array.from(doubleData));
  const isRight = sizes.length <= 32 && sizes.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (!isRight || sizeOf(sizes) !== values.length) {
    throw formatError(file, `a blob of shape [${sizes.join(',')}] has ${values.length} numbers: the file is damaged.`, {
      place: name,
    });
  }
  return { shape: sizes, data: values };
}

/** Layers' blobs as a .caffemodel of the newer kind, or with `isOld` of the kind before 2014. */
export function writeCaffeModel(
  blobs: ReadonlyMap<string, readonly CaffeBlob[]>,
  { isOld = false }: { isOld?: boolean } = {},
): Uint8Array {
  const layers = [...blobs].map(([name, list]) => ({
    name,
    blobs: list.map(({ shape, data }): BlobProto => {
      const [width = 1, height = 1, channels = 1, num = 1] = [...shape].reverse();
      return isOld ? { num, channels, height, width, data } : { shape: { dim: shape.map(BigInt) }, data };
    }),
  }));
  return writeMessage(netProto, { name: 'net', ...(isOld ? { layers } : { layer: layers }) });
}
