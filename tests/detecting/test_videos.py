"""Videos frame by frame: upright, at their own rate and size, and told of where they are broken."""

from __future__ import annotations

import contextlib
import os
import re
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest

from todus.detecting.results import InputError
from todus.detecting.video import VideoReader, VideoWriter
from todus.errors import WorldError

RATE = 12.5
# The matrix of a track that is shown turned a quarter to the right. Source: ISO/IEC 14496-12, 6.2.2 and 8.3.2 (tkhd).
QUARTER = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)


def frames(count: int = 8, width: int = 64, height: int = 48) -> list[np.ndarray]:
    """Red at the left, blue at the right, brighter from frame to frame."""
    made = []
    for number in range(count):
        frame = np.zeros((height, width, 3), np.uint8)
        frame[:, : width // 2, 0] = frame[:, width // 2 :, 2] = 80 + 20 * (number % 8)
        made.append(frame)
    return made


def write(path: Path, ones: list[np.ndarray]) -> Path:
    with contextlib.closing(VideoWriter(path, RATE)) as writer:
        for one in ones:
            writer.write(one)
    writer.require_whole()
    return path


def read(path: Path) -> tuple[VideoReader, list[np.ndarray]]:
    with contextlib.closing(VideoReader(path)) as reader:
        return reader, list(reader)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    reader, seen = read(write(tmp_path / "film.mp4", frames()))
    assert (reader.rate, reader.count, reader.done) == (RATE, 8, 8)
    assert [frame.shape for frame in seen] == [(48, 64, 3)] * 8
    for frame, wanted in zip(seen, frames(), strict=True):
        assert np.abs(frame[:, [8, 56]].astype(int) - wanted[:, [8, 56]]).mean() < 12
    reader.require_whole()


def test_an_odd_size_loses_a_row_and_a_column_and_no_frame(tmp_path: Path) -> None:
    _, seen = read(write(tmp_path / "odd.mp4", frames(width=65, height=49)))
    assert [frame.shape for frame in seen] == [(48, 64, 3)] * 8


def test_frames_of_another_size_take_that_of_the_first(tmp_path: Path) -> None:
    _, seen = read(write(tmp_path / "film.mp4", [*frames(2), *frames(2, width=128, height=96)]))
    assert [frame.shape for frame in seen] == [(48, 64, 3)] * 4


def test_a_film_that_was_taken_upright_is_read_upright(tmp_path: Path) -> None:
    path = write(tmp_path / "film.mp4", frames())
    content = bytearray(path.read_bytes())
    matrix = content.index(b"tkhd") + 4 + 40
    content[matrix : matrix + 36] = QUARTER
    path.write_bytes(content)
    _, seen = read(path)
    top, bottom = seen[0][8, 24].astype(int), seen[0][56, 24].astype(int)
    assert seen[0].shape == (64, 48, 3)
    assert top[0] > top[2] + 40 and bottom[2] > bottom[0] + 40, "red was at the left, and is at the top"


@pytest.mark.parametrize("content", [b"", b"hello", None])
def test_what_is_no_whole_video_is_told_of_and_nothing_else_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture, content: bytes | None
) -> None:
    path = write(tmp_path / "film.mp4", frames())
    path.write_bytes(path.read_bytes()[:-400] if content is None else content)
    with pytest.raises(InputError, match="no video, cut off, or of a kind that OpenCV cannot read"):
        VideoReader(path)
    assert capfd.readouterr() == ("", "")


def test_a_video_that_ends_early_is_told_of(tmp_path: Path) -> None:
    path = write(tmp_path / "film.avi", frames(count=60))  # which has its list of frames at the end too
    content = path.read_bytes()
    reader, seen = read_cut(tmp_path, content)
    assert 0 < len(seen) < 60
    with pytest.raises(InputError, match=r"cut off: \d+ of 60 frames"):
        reader.require_whole()


def read_cut(tmp_path: Path, content: bytes) -> tuple[VideoReader, list[np.ndarray]]:
    (tmp_path / "cut.avi").write_bytes(content[: len(content) // 2])
    return read(tmp_path / "cut.avi")


def test_frames_that_cannot_be_written_are_told_of(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    with pytest.raises(InputError, match="1x1"), contextlib.closing(VideoWriter(tmp_path / "film.mp4", RATE)) as writer:
        writer.write(np.zeros((1, 1, 3), np.uint8))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("rate", [0.0004, 0.0166, 23.976023976, 65.5361, 90.123456, 100.1234, 239.8437, 800.4])
def test_any_rate_can_be_written(tmp_path: Path, rate: float) -> None:
    with contextlib.closing(VideoWriter(tmp_path / "film.mp4", rate)) as writer:
        for frame in frames(3):
            writer.write(frame)
    writer.require_whole()
    assert read(tmp_path / "film.mp4")[0].rate == pytest.approx(rate, rel=1e-3, abs=0.01)


def test_a_frame_has_the_time_that_the_video_gives_it(tmp_path: Path) -> None:
    times = [0, 40, 80, 120, 1120, 2120, 2160, 2200]
    reader = VideoReader(timed(tmp_path, times))
    assert [round(1000 * reader.seconds) for _ in reader] == times
    reader.require_whole()


def test_a_clock_is_not_taken_for_the_rate(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    spread = np.random.default_rng(0).integers(0, 33, 40)
    path = timed(tmp_path, (50 * np.arange(40) + spread).tolist())
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FPS) == 1000, "proves nothing"
    capfd.readouterr()
    reader, seen = read(path)
    assert reader.rate == pytest.approx(20, rel=0.02)
    assert reader.count == len(seen) == 40
    reader.require_whole()
    assert capfd.readouterr() == ("", "")


def test_a_video_with_fewer_frames_than_its_rate_promises_is_not_cut_off(tmp_path: Path) -> None:
    shown = np.flatnonzero(np.random.default_rng(1).random(80) < 0.5)  # as a recorder of a screen leaves frames out
    reader, seen = read(timed(tmp_path, (40 * (shown - shown[0])).tolist()))
    assert reader.count > 1.5 * len(seen), "proves nothing"
    reader.require_whole()


def timed(folder: Path, times: list[int]) -> Path:
    """A WebM video whose frames have these times, in ms; it does not say its rate.

    Source of the format: RFC 8794 (EBML), RFC 9559 (Matroska): DefaultDuration 0x23E383, Duration 0x4489, Void
    0xEC, SimpleBlock 0xA3.
    """
    path = folder / "film.webm"
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"VP80"), 100.0, (64, 48))
    for frame in frames(len(times)):
        writer.write(frame)
    writer.release()
    content = path.read_bytes()
    content = re.sub(rb"\x23\xe3\x83([\x81-\x88])", lambda found: b"\xec" + bytes([found[1][0] + 2]) + b"\0\0", content)
    blocks = [found.start(1) for found in re.finditer(rb"\xa3[\x40-\xff].{0,3}?\x81(..)[\x00\x80]", content, re.DOTALL)]
    content = re.sub(rb"(?<=\x44\x89\x88).{8}", struct.pack(">d", times[-1]), content, count=1, flags=re.DOTALL)
    written = {10 * number: time for number, time in enumerate(times)}
    content, due = bytearray(content), 0
    for block in blocks:
        (time,) = struct.unpack_from(">h", content, block)
        if time == due:
            struct.pack_into(">h", content, block, written[time])
            due += 10
    assert due == 10 * len(times)
    path.write_bytes(content)
    return path


def test_a_name_that_is_no_text_is_told_of(tmp_path: Path) -> None:
    path = write(tmp_path / "film.mp4", frames())
    odd = path.rename(Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.mp4")))
    with pytest.raises(InputError, match="not UTF-8"):
        VideoReader(odd)
    with pytest.raises(InputError, match="not UTF-8"):
        write(odd, frames())


def test_a_file_that_lost_frames_on_the_way_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    with contextlib.closing(VideoWriter(path, RATE)) as writer:
        writer.write(frames()[0])
    path.write_bytes(path.read_bytes()[:-300])  # as on a full disk
    with pytest.raises(WorldError, match="make room"):
        writer.require_whole()
