import numpy as np
import pytest
import torch

from stylenet.data.synthetic import DeadLeaves


@pytest.fixture(scope="module")
def leaves():
    return DeadLeaves(128, seed=3)


def spectrum_slope(images):
    """Return the exponent of the power spectrum of the luminance, fitted on rings from 4 to 40 cycles an image."""
    size = images.shape[-1]
    window = np.hanning(size)[:, None] * np.hanning(size)
    luminance = images.mean(1).numpy()
    luminance = (luminance - luminance.mean((1, 2), keepdims=True)) * window
    power = (np.abs(np.fft.fft2(luminance)) ** 2).mean(0)
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)) * size
    edges = np.geomspace(4, 40, 12)
    ring = np.digitize(frequency, edges)
    means = [(frequency[ring == k].mean(), power[ring == k].mean()) for k in range(1, 12)]
    return np.polyfit(*np.log(means).T, 1)[0]


def test_spectrum_is_that_of_natural_images(leaves):
    assert -2.6 < spectrum_slope(torch.stack([leaves[i] for i in range(16)])) < -1.6


def test_spectrum_slope_measures_known_slopes():
    rng = np.random.default_rng(0)
    frequency = np.hypot(np.fft.fftfreq(128)[:, None], np.fft.fftfreq(128)) + 1e-9
    noise = np.fft.ifft2(np.fft.fft2(rng.standard_normal((8, 128, 128))) / frequency).real
    images = torch.from_numpy(noise)[:, None].expand(-1, 3, -1, -1)
    assert spectrum_slope(images) == pytest.approx(-2, abs=0.15)


def test_samples_depend_on_seed_and_number_only(leaves):
    again = DeadLeaves(128, seed=3)
    assert torch.equal(leaves[5], again[5])
    assert not torch.equal(leaves[5], leaves[6])
    assert not torch.equal(leaves[5], DeadLeaves(128, seed=4)[5])
    assert not torch.equal(leaves[5], DeadLeaves(128, seed=3, stream=1)[5])


@pytest.mark.parametrize("size", [16, 97, 256])
def test_samples_are_images(size):
    image = DeadLeaves(size)[10**9]
    assert image.shape == (3, size, size)
    assert image.dtype == torch.float32
    assert 0 <= image.min() < image.max() <= 1
    assert image.std() > 0.03
