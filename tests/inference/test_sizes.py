from PIL import ExifTags, Image

from stylenet.images import load_image
from stylenet.inference.sizes import commonest


def save(path, size, orientation=1):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    Image.new("RGB", size).save(path, exif=exif)
    return path


def test_turned_images_have_the_size_that_they_are_loaded_at(tmp_path):
    for orientation in range(1, 9):
        path = save(tmp_path / f"{orientation}.jpg", (40, 24), orientation)
        assert commonest([path]) == (1, *load_image(path).shape[-2:])


def test_sizes_that_become_one_when_scaled_count_together(tmp_path):
    paths = [save(tmp_path / f"{size[0]}x{size[1]}.png", size) for size in ((40, 24), (20, 12), (24, 24))]
    paths.append(save(tmp_path / "other.jpg", (24, 24)))
    assert commonest(paths) == (2, 24, 24)
    assert commonest([*paths, paths[0]], 10) == (3, 6, 10)


def test_broken_images_do_not_count(tmp_path):
    (tmp_path / "broken.png").write_text("words")
    assert commonest([tmp_path / "broken.png", tmp_path / "missing.png"]) is None
    assert commonest([tmp_path / "broken.png", save(tmp_path / "one.png", (5, 3))]) == (1, 3, 5)
