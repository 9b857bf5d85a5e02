"""JPEG files to RGB pictures: shorter side to 224 with antialiasing, centre square; by torchvision or by Pillow, a
picture a task, as many threads as asked. `jpeg.py FOLDER` makes the pictures that both sides read."""

import concurrent.futures
import os
import pathlib
import sys

SIZE, COUNT = 224, 64


def make(folder):
    """Smooth shapes and grain, about 500 x 400, quality 90."""
    import numpy
    from PIL import Image
    draw = numpy.random.default_rng(20)
    for i in range(COUNT):
        width, height = 480 + 8 * (i % 6), 380 + 8 * (i % 5)
        coarse = Image.fromarray(draw.integers(0, 256, (9, 12, 3), dtype=numpy.uint8))
        smooth = numpy.asarray(coarse.resize((width, height), Image.BICUBIC), dtype=numpy.float32)
        grain = draw.normal(0, 6, (height, width, 1))
        Image.fromarray((smooth + grain).clip(0, 255).astype(numpy.uint8)).save(folder / f"{i:02}.jpg", quality=90)


def by_torchvision(files):
    import torch
    from torchvision.io import ImageReadMode, decode_jpeg
    from torchvision.transforms.v2.functional import center_crop, resize
    torch.set_num_threads(1)  # the tasks are the threads

    def task(array):
        picture = decode_jpeg(array, mode=ImageReadMode.RGB)
        return center_crop(resize(picture, [SIZE], antialias=True), [SIZE])

    return [torch.frombuffer(bytearray(file), dtype=torch.uint8) for file in files], task


def by_pillow(files):
    import io

    from PIL import Image, ImageOps

    def task(file):
        picture = Image.open(io.BytesIO(file))
        picture.draft("RGB", (SIZE, SIZE))  # decodes at a reduced scale where that is still large enough
        return ImageOps.fit(picture.convert("RGB"), (SIZE, SIZE), Image.BILINEAR)

    return files, task


def open(variant, threads):
    folder = pathlib.Path(os.environ["CT_BENCH_PICTURES"])
    files, task = {"torchvision": by_torchvision, "pillow": by_pillow}[variant](
        [path.read_bytes() for path in sorted(folder.glob("*.jpg"))])
    pool = concurrent.futures.ThreadPoolExecutor(threads)
    return f"{variant}, {threads} threads", lambda: list(pool.map(task, files))


if __name__ == "__main__":
    make(pathlib.Path(sys.argv[1]))
