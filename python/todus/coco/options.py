"""The options that say what of COCO is meant, and where it comes from; dataset and statistics have them in common."""

from __future__ import annotations

import argparse

from todus import download
from todus.coco import categories, choice, raw_data
from todus.errors import UserError


def add(parser: argparse.ArgumentParser, about_categories: str, default_categories: str | None) -> None:
    """Add --categories, --splits and --coco-url."""
    parser.add_argument(
        "--categories",
        default=default_categories,
        metavar="NAMES",
        help=f"{about_categories} (default: {categories.DEFAULT})",
    )
    parser.add_argument(
        "--splits", default=choice.DEFAULT_SPLITS, help="of train, val and testdev (default: %(default)s)"
    )
    parser.add_argument(
        "--coco-url",
        type=_address,
        default=raw_data.DEFAULT_URL,
        metavar="URL",
        help="COCO or a mirror (default: %(default)s)",
    )


def _address(text: str) -> str:
    try:
        download.local_path(text)
    except UserError as error:
        raise UserError(f"COCO_URL={text} is no mirror: {error}") from None
    return text
