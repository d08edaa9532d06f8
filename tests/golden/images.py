#!/usr/bin/python3
"""Writes image_golden.h: small image files and what Pillow decodes them to, resized images, normalised bytes.

Run with Debian's python3 (python3-pil, python3-torch): /usr/bin/python3 tests/golden/images.py
"""

import io
import pathlib
import struct
import zlib

import numpy
import PIL
import torch
from PIL import Image

rng = numpy.random.RandomState(7)


def smooth(height, width, channels):
    y, x = numpy.mgrid[0:height, 0:width]
    planes = [127 + 100 * numpy.sin(0.3 * (c + 1) + 0.35 * x * (1 + c / 3) + 0.25 * y) for c in range(channels)]
    return numpy.stack(planes, 2).astype(numpy.uint8)


def planar(image):
    pixels = numpy.asarray(image)
    return pixels if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def encoded(image, **options):
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png16(values):
    """A grey PNG of 16 bits, which Pillow reads without reducing it to 8."""
    height, width = values.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def files():
    colour = Image.fromarray(smooth(11, 18, 3))
    grey = Image.fromarray(smooth(11, 18, 1)[:, :, 0])
    noise = Image.fromarray(rng.randint(0, 256, (5, 7, 3)).astype(numpy.uint8))
    clear = Image.fromarray(rng.randint(0, 256, (5, 7, 4)).astype(numpy.uint8), "RGBA")
    wide = rng.randint(0, 65536, (4, 5)).astype(numpy.uint16)
    jpegs = {"baseline.jpg": encoded(colour, format="JPEG", quality=90, subsampling=0),
             "sampled.jpg": encoded(colour, format="JPEG", quality=90, subsampling=2),
             "progressive.jpg": encoded(colour, format="JPEG", quality=90, subsampling=0, progressive=True),
             "grey.jpg": encoded(grey, format="JPEG", quality=90)}
    for name, data in jpegs.items():
        yield name, data, Image.open(io.BytesIO(data)).convert("RGB")
    yield "cmyk.jpg", encoded(colour.convert("CMYK"), format="JPEG", quality=90), None
    yield "rgb.png", encoded(noise, format="PNG"), noise
    yield "rgba.png", encoded(clear, format="PNG"), clear.convert("RGB")
    yield "palette.png", encoded(noise.quantize(16), format="PNG"), noise.quantize(16).convert("RGB")
    yield "grey.png", encoded(grey, format="PNG"), grey.convert("RGB")
    yield "bits.png", encoded(grey.convert("1"), format="PNG"), grey.convert("1").convert("RGB")
    yield "grey16.png", png16(wide), Image.fromarray((wide >> 8).astype(numpy.uint8)).convert("RGB")
    yield "rgb.bmp", encoded(noise, format="BMP"), noise
    yield "one.png", encoded(noise.crop((0, 0, 1, 1)), format="PNG"), noise.crop((0, 0, 1, 1))
    yield "picture.gif", encoded(noise.quantize(16), format="GIF"), None
    yield "picture.webp", b"RIFF\x1a\0\0\0WEBPVP8L", None


def fit(image, side):
    """torchvision's Resize(side) and CenterCrop(side), written out."""
    width, height = image.size
    short, long = min(width, height), max(width, height)
    new = (side, int(side * long / short)) if width <= height else (int(side * long / short), side)
    image = image.resize(new, Image.BILINEAR)
    top, left = int(round((image.height - side) / 2.0)), int(round((image.width - side) / 2.0))
    return image.crop((left, top, left + side, top + side))


def quoted(data):
    text = bytes(data).hex()
    lines = [text[i:i + 100] for i in range(0, len(text), 100)] or [""]
    return "\n     ".join(f'"{line}"' for line in lines)


def main():
    out = ["#pragma once", "", f"// Made by tests/golden/images.py with Pillow {PIL.__version__} and PyTorch {torch.__version__}.", "",
           "namespace fanin::golden {", "",
           "struct EncodedImage {", "  const char* name;", "  int height, width;  // 0: no expectation",
           "  const char* file;   // in hexadecimal", "  const char* pixels; // RGB, channel after channel", "};", "",
           "inline constexpr EncodedImage encoded_images[] = {"]
    for name, data, image in files():
        size = (image.height, image.width) if image else (0, 0)
        pixels = planar(image).tobytes() if image else b""
        out.append(f'    {{"{name}", {size[0]}, {size[1]},\n     {quoted(data)},\n     {quoted(pixels)}}},')
    out += ["};", "", "struct ResizedImage {", "  const char* how;  // resize or fit", "  int from_height, from_width, to_height, to_width;",
            "  const char* from;", "  const char* to;", "};", "", "inline constexpr ResizedImage resized_images[] = {"]
    cases = [("resize", 13, 17, 5, 7), ("resize", 13, 17, 29, 23), ("resize", 9, 30, 9, 4), ("resize", 4, 3, 1, 1),
             ("resize", 40, 2, 3, 9), ("resize", 1, 1, 3, 2), ("fit", 13, 17, 8, 8), ("fit", 17, 13, 8, 8),
             ("fit", 9, 14, 9, 9), ("fit", 9, 12, 9, 9), ("fit", 5, 31, 12, 12), ("fit", 7, 7, 16, 16)]
    for how, h, w, to_h, to_w in cases:
        image = Image.fromarray(rng.randint(0, 256, (h, w)).astype(numpy.uint8))
        result = image.resize((to_w, to_h), Image.BILINEAR) if how == "resize" else fit(image, to_h)
        out.append(f'    {{"{how}", {h}, {w}, {to_h}, {to_w},\n     {quoted(image.tobytes())},\n     {quoted(result.tobytes())}}},')
    mean, std = 0.4914, 0.2470
    values = (torch.arange(256, dtype=torch.uint8).to(torch.float32) / 255 - torch.tensor(mean)) / torch.tensor(std)
    words = [f"0x{w:08x}" for w in values.numpy().view(numpy.uint32)]
    out += ["};", "", f"// Bits of ((v / 255) − {mean}) / {std:.4f} in f32 for every byte v.",
            "inline constexpr unsigned normalised_bytes[256] = {"]
    out += ["    " + ", ".join(words[i:i + 8]) + "," for i in range(0, 256, 8)]
    out += ["};", "", "}  // namespace fanin::golden", ""]
    pathlib.Path(__file__).with_name("image_golden.h").write_text("\n".join(out))


if __name__ == "__main__":
    main()
