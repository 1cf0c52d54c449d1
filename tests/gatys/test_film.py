"""Gatys in motion: what is carried from frame to frame, the temporal term, and frames that wait in a folder."""

import numpy as np
import pytest
import torch
from films import drawn, make_film, packets_of, pixels_of
from support import picture

from stylenet.errors import InputError
from stylenet.features.extractor import FeatureExtractor
from stylenet.film.flow import motion_edges
from stylenet.gatys.film import Carried, FramePainter, TemporalTerm, carry, paint_film
from stylenet.gatys.kept_frames import KeptFrames, fingerprint, join_frames
from stylenet.gatys.optimize import optimize
from stylenet.gatys.pictures import Pictures
from stylenet.images import load_image, save_image
from stylenet.losses.multiscale import perceptual_loss
from stylenet.losses.options import LossOptions
from stylenet.losses.terms import Style

STEP, HEIGHT, WIDTH = 2, 48, 64
STYLE = Style(picture(9, 40, 40))


def panned(count):
    """A camera that moves over a scene by `STEP` pixels a frame."""
    scene = picture(0, HEIGHT, WIDTH + STEP * count)
    return [scene[..., STEP * index : STEP * index + WIDTH].clone() for index in range(count)]


def written(path, frames):
    """A film of these frames, with sound."""
    pixels = [(frame[0].permute(1, 2, 0) * 255).round().byte().numpy() for frame in frames]
    draw = lambda index, *_: np.ascontiguousarray(pixels[index])  # noqa: E731
    return make_film(path, times=range(0, 40 * len(frames), 40), draw=draw)


def loss_of(scales):
    options = LossOptions(style_layers=["relu1_1", "relu2_1"], content_layers=["relu2_1"], scales=scales)
    return perceptual_loss(FeatureExtractor("vgg16", options.layers, "random"), [STYLE], options)


@pytest.fixture(scope="module")
def loss():
    return loss_of(1)


@pytest.fixture(scope="module", params=[1, 2], ids=["one scale", "two scales"])
def either_loss(request):
    return loss_of(request.param)


def painter(loss, weight=1000.0, frame=None, **how):
    frame = picture(0, HEIGHT, WIDTH) if frame is None else frame
    pictures = Pictures(frame, [STYLE], [], "content", None, None)
    return FramePainter(pictures, loss, {"steps": 6} | how, frame_steps=3, temporal_weight=weight)


def painted(paint, frames):
    """Frames painted one after the other, and how many steps each took."""
    images, steps = [], []
    for frame in frames:
        result = paint(frame, lambda progress: None)
        paint.remember(frame, result.image)
        images.append(result.image)
        steps.append(len(result.history))
    return images, steps


def unsteadiness(images):
    """Root mean square difference of frames from those before, moved as the camera moves, away from the borders."""
    pairs = zip(images, images[1:], strict=False)
    gaps = [(now[..., :-STEP] - last[..., STEP:])[..., 8:-8, 8:-8] for last, now in pairs]
    return float(torch.stack(gaps).square().mean().sqrt())


# What is carried


def test_a_picture_is_carried_as_its_frames_move():
    before, now = panned(2)
    found = carry(now, before, 1 - before)
    inner = (..., slice(8, -8), slice(8, -8))
    torch.testing.assert_close(found.picture[inner], (1 - now)[inner], atol=0.03, rtol=0)
    assert found.sure[inner].mean() > 0.9


def test_what_comes_into_sight_starts_as_the_photograph():
    before, now = panned(2)
    found = carry(now, before, torch.zeros_like(before))
    assert not found.seen[..., -1:].any()
    assert torch.equal(found.picture[..., -1:], now[..., -1:])
    assert torch.equal(found.sure, found.sure * found.seen)


def test_another_scene_takes_nothing():
    assert carry(torch.full((1, 3, 48, 64), 0.9), picture(0, 48, 64), picture(1, 48, 64)) is None


def test_edges_of_motion_by_hand():
    flow = np.zeros((4, 6, 2), np.float32)
    assert not motion_edges(flow).any()
    flow[:, 3:, 0] = 0.2  # slopes of 0.1 beside the edge: 0.01 > 0.01 * 0.2^2 + 0.002
    assert motion_edges(flow).tolist() == [[False, False, True, True, False, False]] * 4
    assert not motion_edges(flow + 10).any()  # 0.01 < 0.01 * (10^2 + 10^2)


# The term


def test_the_term_is_that_of_the_paper(either_loss):
    loss = either_loss
    torch.manual_seed(0)
    image, wanted, sure = torch.rand(1, 3, 33, 40), torch.rand(1, 3, 30, 37), (torch.rand(1, 1, 30, 37) > 0.3).float()
    temporal = loss.plus(TemporalTerm(Carried(wanted, sure, sure), 7.0)).restyled([STYLE])
    terms = temporal.per_item(image, temporal.targets(image))
    gap = (image[0, :, :30, :37] - wanted[0]).numpy()
    by_hand = (sure[0].numpy() * gap**2).sum() / (3 * 30 * 37)
    assert float(terms.pop("temporal")) == pytest.approx(by_hand, rel=1e-5)
    assert terms == loss.per_item(image, loss.targets(image))
    assert temporal.weights == loss.weights | {"temporal": 7.0}


# Frame after frame


def test_the_first_frame_is_painted_as_a_photograph_is(either_loss):
    loss = either_loss
    (frame,) = panned(1)
    (image,), _ = painted(painter(loss), [frame])
    assert torch.equal(image, optimize(frame, [STYLE], loss, steps=6).image)


def test_frames_that_follow_are_steadier_than_frames_alone(either_loss):
    loss = either_loss
    frames = panned(4)
    images, steps = painted(painter(loss), frames)
    assert steps == [6, 3, 3, 3]
    alone = [optimize(frame, [STYLE], loss, steps=6).image for frame in frames]
    assert unsteadiness(images) < 0.5 * unsteadiness(alone)
    assert (images[-1] - frames[-1]).abs().mean() > 0.01  # painted, not copied


def test_more_weight_is_steadier(loss):
    found = [unsteadiness(painted(painter(loss, weight), panned(4))[0]) for weight in (0.0, 100.0, 10_000.0)]
    assert found == sorted(found, reverse=True)


def test_a_cut_is_painted_as_a_first_frame_is(loss):
    first, other = picture(0, HEIGHT, WIDTH), 1 - 0.9 * picture(5, HEIGHT, WIDTH)
    images, steps = painted(painter(loss), [first, other])
    assert steps == [6, 6]
    assert torch.equal(images[1], optimize(other, [STYLE], loss, steps=6).image)


def test_coarse_sizes_are_for_first_frames_alone():
    options = LossOptions(style_layers=["relu1_1"], content_layers=["relu1_1"])
    loss = perceptual_loss(FeatureExtractor("vgg16", options.layers, "random"), [STYLE], options)
    assert painted(painter(loss, pyramid=2), panned(2))[1] == [9, 3]


def test_luminance_alone_is_carried_where_colors_are_kept(loss):
    frames = panned(2)
    images, _ = painted(painter(loss, 1e6, preserve_color="luminance"), frames)
    assert unsteadiness(images) < 1.5 * unsteadiness(frames) + 0.01
    difference = images[1] - frames[1]
    assert (difference - difference.mean(1, keepdim=True)).abs().max() < 1e-4  # the chroma is the photograph's


# Frames that are kept


def paint(folder, film, loss, watch=lambda *_: None, **settings):
    kept = KeptFrames(folder / "out.mp4", settings)
    paint_film(film, kept, painter(loss), watch=watch)
    return kept


def stop_at(number):
    def watch(frame, frames, progress):
        assert frames == 4
        if frame == number:
            raise KeyboardInterrupt

    return watch


def test_a_film_that_is_taken_up_again_is_the_same_bit_for_bit(tmp_path, loss):
    film = written(tmp_path / "film.mp4", panned(4))
    whole = [image.clone() for image in paint(tmp_path / "a", film, loss).frames()]
    for number in (2, 4):
        with pytest.raises(KeyboardInterrupt):
            paint(tmp_path / "b", film, loss, stop_at(number))
        assert KeptFrames(tmp_path / "b" / "out.mp4", {}).count() == number - 1
    resumed = list(paint(tmp_path / "b", film, loss).frames())
    assert len(whole) == len(resumed) == 4
    assert all(torch.equal(a, b) for a, b in zip(whole, resumed, strict=True))


def test_frames_are_joined_with_their_sound_and_removed(tmp_path, loss):
    film = written(tmp_path / "film.mp4", panned(3))
    kept = paint(tmp_path, film, loss)
    frames = [255 * image[0].permute(1, 2, 0).numpy() for image in kept.frames()]
    result = join_frames(film, kept, tmp_path / "out.mp4")
    assert (result.frames, result.broken) == (3, None)
    assert packets_of(tmp_path / "out.mp4", "audio") == packets_of(film, "audio")
    assert abs(pixels_of(tmp_path / "out.mp4", 6) - np.stack(frames)).mean() < 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "out.mp4"]


def test_frames_of_other_settings_are_refused(tmp_path):
    kept = KeptFrames(tmp_path / "out.mp4", {"steps": 3, "style": ["a"], "mask": "b"})
    kept.begin()
    KeptFrames(tmp_path / "out.mp4", {"steps": 4})  # there are no frames yet
    save_image(picture(0), kept.path(1))
    KeptFrames(tmp_path / "out.mp4", {"steps": 3, "style": ["a"], "mask": "b"})
    others = r"out\.mp4\.frames holds frames of other settings \(steps, mask\): give those"
    with pytest.raises(InputError, match=others):
        KeptFrames(tmp_path / "out.mp4", {"steps": 4, "style": ["a"]})


@pytest.mark.parametrize("content", [None, "[]", "words"])
def test_a_folder_of_something_else_is_not_touched(tmp_path, content):
    folder = tmp_path / "out.mp4.frames"
    folder.mkdir()
    KeptFrames(tmp_path / "out.mp4", {})  # an empty one is as good as none
    (folder / "mine.png").touch()
    if content is not None:
        (folder / "settings.json").write_text(content)
    with pytest.raises(InputError, match="holds no frames of a film: move it away"):
        KeptFrames(tmp_path / "out.mp4", {})


def test_files_are_known_by_their_bytes(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(b"abc")
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # of FIPS 180-4
    assert fingerprint([tmp_path / "a", str(tmp_path / "b"), "c", 1]) == [abc, abc, "c", 1]


def test_a_frame_is_as_the_film_has_it(tmp_path, loss):
    film = make_film(tmp_path / "film.mp4", times=[0, 40])
    seen = []
    stand_in = painter(loss)
    real = stand_in.remember
    stand_in.remember = lambda frame, image: (seen.append(frame), real(frame, image))
    paint_film(film, KeptFrames(tmp_path / "out.mp4", {}), stand_in, size=48)
    assert [frame.shape for frame in seen] == [(1, 3, 36, 48)] * 2
    expected = torch.from_numpy(drawn(0)).permute(2, 0, 1)[None] / 255
    assert (seen[0].mean((2, 3)) - expected.mean((2, 3))).abs().max() < 0.03
    assert load_image(tmp_path / "out.mp4.frames" / "frame_000002.png").shape == (1, 3, 36, 48)
