"""Test pictures as a closed formula of whole numbers, which tests/unit/core/metrics/helpers.ts repeats byte by byte."""
import numpy as np


def picture(width: int, height: int, seed: int) -> np.ndarray:
    """uint8 [height, width, 3]: a curved ramp, a checked pattern, and MT19937 noise on a ramp."""
    generator = np.random.MT19937()
    generator._legacy_seeding(seed)
    noise = (generator.random_raw(width * height) & 63).astype(np.int64).reshape(height, width)
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    red = (x * x // 7 + y * 5) % 256
    green = np.where((x // 4 + y // 3) % 2 == 0, 230, 25)
    blue = (x * 3 + y * 2) % 192 + noise
    return np.stack([red, green, blue], axis=2).astype(np.uint8)
