"""Decoded and resized pictures against Pillow: every format that is read, written by Pillow, at several sizes.

The reference is Pillow's own decoder, EXIF turn, white behind alpha, bilinear resize of the shorter side and the centre
square as torchvision cuts it. Limits are the mean and the largest difference in levels of 255:
  full        decoded at full scale: the same arithmetic, another order of sums          mean 0.1, largest 2
  turned      turned by EXIF: we resize, then turn, so the passes round the other way    mean 0.3, largest 2
  lossy WebP  the two may hold different versions of libwebp                             mean 0.3, largest 4
  reduced     decoded at 1/2, 1/4 or 1/8 first, which keeps edges sharper                mean 3, largest 60
A line for each case: ok or not ok.
"""
import os
import random
import subprocess
import sys
import tempfile

try:
    from PIL import Image, ImageDraw, ImageOps, ImageChops, ImageStat, features
except ImportError as error:
    print(f"skip check_pictures.py {error}")
    sys.exit(0)

PROGRAM = os.path.join(os.environ.get("BUILD", "build"), "tests/data/test_picture")
FULL, TURNED, LOSSY_WEBP, REDUCED = (0.1, 2), (0.3, 2), (0.3, 4), (3.0, 60)
WIDTH, HEIGHT = 301, 232
WHOLE_SIZES = (232, 224, 117)  # more than half of the height: nothing is reduced
ALL_SIZES = WHOLE_SIZES + (96, 50, 24)


def draw_picture(width, height):
    """Gradients, lines, discs and dots: smooth parts, edges and single pixels."""
    rng = random.Random(4)
    bands = [Image.radial_gradient("L"), Image.linear_gradient("L"), Image.linear_gradient("L").rotate(90)]
    picture = Image.merge("RGB", [band.resize((width, height), Image.BICUBIC) for band in bands])
    draw = ImageDraw.Draw(picture)
    colour = lambda: tuple(rng.randrange(256) for _ in range(3))
    for _ in range(12):
        x, y, r = rng.randrange(width), rng.randrange(height), rng.randrange(4, 40)
        draw.ellipse((x - r, y - r, x + r, y + r), fill=colour())
        draw.line((x, y, rng.randrange(width), rng.randrange(height)), fill=colour(), width=rng.randrange(1, 5))
    for _ in range(400):
        draw.point((rng.randrange(width), rng.randrange(height)), fill=colour())
    return picture


def to_rgb(picture):
    if picture.mode.startswith("I"):  # 16 bits of grey
        return picture.convert("I").point(lambda level: level * (255 / 65535) + 0.5).convert("L").convert("RGB")
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    return picture.convert("RGB")


def reference(path, size):
    picture = to_rgb(ImageOps.exif_transpose(Image.open(path)))
    width, height = picture.size
    if width <= height:
        out = (size, int(size * height / width))
    else:
        out = (int(size * width / height), size)
    left, top = round((out[0] - size) / 2), round((out[1] - size) / 2)
    return picture.resize(out, Image.BILINEAR).crop((left, top, left + size, top + size))


def png_cases(picture):
    alpha = Image.linear_gradient("L").resize(picture.size).rotate(180)
    grey = picture.convert("L")
    palette = picture.quantize(200)
    deep = Image.frombytes("I;16", grey.size, b"".join(bytes((v * 37 % 256, v)) for v in grey.tobytes()))
    with_alpha = picture.copy()
    with_alpha.putalpha(alpha)
    grey_alpha = Image.merge("LA", (grey, alpha))
    cases = {"rgb": (picture, {}), "rgba": (with_alpha, {}), "grey": (grey, {}), "grey alpha": (grey_alpha, {}),
             "1 bit": (picture.convert("1"), {}), "grey 16": (deep, {}), "palette": (palette, {}),
             "palette, a colour transparent": (palette, {"transparency": 7}),
             "palette with alpha": (palette, {"transparency": bytes(i % 256 for i in range(0, 1000, 5))}),
             "palette of 4 bits": (picture.quantize(13), {"bits": 4}),
             "rgb, a colour transparent": (picture, {"transparency": picture.getpixel((5, 5))})}
    return [(f"png {name}", "png", p, options, FULL, ALL_SIZES) for name, (p, options) in cases.items()]


def jpeg_cases(picture):
    cases = []
    for subsampling, name in enumerate(("4:4:4", "4:2:2", "4:2:0")):
        for progressive in (False, True):
            options = {"quality": 88, "subsampling": subsampling, "progressive": progressive}
            label = f"jpeg {name}{' progressive' if progressive else ''}"
            cases.append((label, "jpg", picture, options, FULL, WHOLE_SIZES))
    cases.append(("jpeg grey", "jpg", picture.convert("L"), {"quality": 88}, FULL, WHOLE_SIZES))
    for progressive in (False, True):
        label = f"jpeg cmyk{' progressive' if progressive else ''}"
        options = {"quality": 88, "progressive": progressive}
        cases.append((label, "jpg", picture.convert("CMYK"), options, FULL, WHOLE_SIZES))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        limits = FULL if orientation == 1 else TURNED
        cases.append((f"jpeg orientation {orientation}", "jpg", picture, {"quality": 88, "exif": exif}, limits,
                      WHOLE_SIZES))
    for sizes in ((96, 60), (50, 31), (24, 8)):
        for mode in ("RGB", "L", "CMYK"):
            cases.append((f"jpeg reduced {mode} {sizes[0]}", "jpg", picture.convert(mode), {"quality": 88}, REDUCED,
                          sizes))
    return cases


def webp_cases(picture):
    if not features.check("webp"):
        return []
    alpha = Image.linear_gradient("L").resize(picture.size)
    with_alpha = picture.copy()
    with_alpha.putalpha(alpha)
    return [("webp lossless", "webp", picture, {"lossless": True}, FULL, WHOLE_SIZES),
            ("webp lossless alpha", "webp", with_alpha, {"lossless": True}, FULL, ALL_SIZES),
            ("webp lossy", "webp", picture, {"quality": 85}, LOSSY_WEBP, WHOLE_SIZES),
            ("webp lossy alpha", "webp", with_alpha, {"quality": 85}, LOSSY_WEBP, ALL_SIZES),
            ("webp reduced", "webp", picture, {"quality": 85}, REDUCED, (96, 50, 24)),
            ("webp lossless reduced", "webp", picture, {"lossless": True}, REDUCED, (96, 50, 24))]


def refused_cases(picture):
    animated = {"save_all": True, "append_images": [ImageOps.invert(picture)]}
    cases = [("gif", "gif", picture, {}), ("bmp", "bmp", picture, {}), ("tiff", "tiff", picture, {})]
    return cases + [("webp animated", "webp", picture, animated)] * features.check("webp")


def decode(paths, size):
    """Our pictures, or the words of the errors."""
    lines = "".join(f"{path}\t{path}.rgb\n" for path in paths)
    done = subprocess.run([PROGRAM, "--decode", str(size)], input=lines, capture_output=True, text=True, check=True)
    answers = done.stdout.splitlines()
    if len(answers) != len(paths):
        raise RuntimeError(f"{len(paths)} pictures, {len(answers)} answers: {done.stdout} {done.stderr}")
    out = []
    for path, answer in zip(paths, answers):
        if answer == "ok":
            with open(f"{path}.rgb", "rb") as f:
                answer = Image.frombytes("RGB", (size, size), f.read())
        out.append(answer)
    return out


def compare(ours, path, size):
    """The mean and the largest difference; infinite when there is no picture."""
    if isinstance(ours, str):
        print(f"# {os.path.basename(path)} at {size}: {ours}")
        return float("inf"), float("inf")
    difference = ImageChops.difference(ours, reference(path, size))
    return sum(ImageStat.Stat(difference).mean) / 3, max(high for _, high in difference.getextrema())


def check_decoded(folder):
    """A line for each case: its worst figures over a wide and a tall picture and all sizes. How many failed."""
    jobs, limits, worst, failed = {}, {}, {}, 0  # jobs: size -> [(name, path)]
    for shape, picture in (("wide", draw_picture(WIDTH, HEIGHT)), ("tall", draw_picture(HEIGHT, WIDTH))):
        for name, suffix, p, options, limit, sizes in png_cases(picture) + jpeg_cases(picture) + webp_cases(picture):
            path = os.path.join(folder, f"{shape} {name}.{suffix}")
            p.save(path, **options)
            limits[name] = limit
            for size in sizes:
                jobs.setdefault(size, []).append((name, path))
    for size, listed in jobs.items():
        for ours, (name, path) in zip(decode([path for _, path in listed], size), listed):
            mean, largest = compare(ours, path, size)
            before = worst.get(name, (0, 0))
            worst[name] = max(before[0], mean), max(before[1], largest)
    for name, (mean, largest) in worst.items():
        good = mean <= limits[name][0] and largest <= limits[name][1]
        failed += not good
        want = "" if good else f", want at most {limits[name][0]}, {limits[name][1]}"
        print(f"{'ok' if good else 'not ok'} {name}: mean {mean:.3f}, largest {largest}{want}")
    return failed


def check_refused(folder):
    failed = 0
    for name, suffix, picture, options in refused_cases(draw_picture(WIDTH, HEIGHT)):
        path = os.path.join(folder, f"refused.{suffix}")
        picture.save(path, **options)
        answer = decode([path], 32)[0]
        refused = isinstance(answer, str) and answer.startswith("CT_ERR_DATA: ")
        failed += not refused
        print(f"ok {name} is refused: {answer}" if refused else f"not ok {name} was decoded")
    return failed


def main():
    with tempfile.TemporaryDirectory() as folder:
        failed = check_decoded(folder) + check_refused(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
