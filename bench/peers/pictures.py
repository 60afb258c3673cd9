"""Pictures a second by PyTorch's DataLoader or tf.data: ../data-program.ts in Python.

    python pictures.py torch|torch-tensors|tensorflow FOLDER WORKERS BATCH PASSES

Prints the median of the passes after two that warm up, as JSON.
"""

import json
import sys
import time
from pathlib import Path


def find(folder):
    files = sorted(Path(folder).glob("*/*.jpg"))
    names = sorted({file.parent.name for file in files})
    return [str(file) for file in files], [names.index(file.parent.name) for file in files]


def tensorflow(files, labels, workers, batch):
    import tensorflow as tf

    def load(path, label):
        x = tf.io.decode_jpeg(tf.io.read_file(path), channels=3)
        x = tf.image.resize(x, (112, 112))
        x = tf.image.random_crop(x, (96, 96, 3))
        x = tf.image.random_flip_left_right(x)
        return x / 127.5 - 1.0, label

    options = tf.data.Options()
    options.threading.private_threadpool_size = workers
    data = tf.data.Dataset.from_tensor_slices((files, labels)).shuffle(len(files))
    return data.map(load, num_parallel_calls=workers).batch(batch).prefetch(2).with_options(options)


def torch(files, labels, workers, batch, of_tensors):
    import torch as t
    from torchvision import transforms
    from torchvision.io import decode_jpeg, read_file

    t.set_num_threads(1)
    after = [transforms.RandomCrop(96), transforms.RandomHorizontalFlip()]
    normalize = transforms.Normalize([0.5] * 3, [0.5] * 3)
    if of_tensors:
        resize = transforms.Resize((112, 112), antialias=False)
        prepare = transforms.Compose([resize, *after, transforms.ConvertImageDtype(t.float32), normalize])
        read = lambda file: prepare(decode_jpeg(read_file(file)))
    else:
        from PIL import Image

        prepare = transforms.Compose([transforms.Resize((112, 112)), *after, transforms.ToTensor(), normalize])
        read = lambda file: prepare(Image.open(file).convert("RGB"))

    class Pictures(t.utils.data.Dataset):
        def __len__(self):
            return len(files)

        def __getitem__(self, index):
            return read(files[index]), labels[index]

    return t.utils.data.DataLoader(
        Pictures(), batch_size=batch, shuffle=True, num_workers=workers, persistent_workers=True
    )


def main(framework, folder, workers, batch, passes):
    files, labels = find(folder)
    if framework == "tensorflow":
        data = tensorflow(files, labels, int(workers), int(batch))
    else:
        data = torch(files, labels, int(workers), int(batch), framework == "torch-tensors")
    speeds = []
    for index in range(int(passes) + 2):
        started = time.perf_counter()
        count = sum(x.shape[0] for x, _ in data)
        if index >= 2:
            speeds.append(count / (time.perf_counter() - started))
    print(json.dumps({"perSecond": sorted(speeds)[len(speeds) // 2]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
