"""Pictures: decoded, turned upright, without metadata, and small ones of them. All of it is for native threads."""
import logging
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile, get_sampling

from ...errors import ChatError, Invalid, TooLarge, Unavailable
from . import metadata
from .storage import Scratch, full

log = logging.getLogger(__name__)
MAX_PIXELS = 50_000_000    # more than phones make; decoded they take 200 MB
THUMBNAIL_SIDE = 480       # pixels
AVATAR_SIDE = 256
FORMATS = ('PNG', 'JPEG', 'GIF', 'WEBP')
ORIENTATION = 0x0112       # the EXIF tag
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # Pillow looks as well, before it makes room for a WebP


def clean(source: Scratch, cleaned: Scratch, thumbnail: Scratch) -> tuple[str, int, int]:
    """Write the picture of one Scratch upright and without metadata to the next, and a small one to the third.

    Returns (content type, width, height). Raises Invalid for a damaged picture, TooLarge for one of too many pixels.
    """
    with decoded(source) as image:
        upright, is_turned = turned_upright(image)
        format = image.format or ''  # one of FORMATS, or MPO: JPEG of several pictures
        if format in ('JPEG', 'MPO'):
            redraw_jpeg(image, upright, cleaned)
        elif is_turned:
            upright.save(cleaned.file, format, quality=90, icc_profile=upright.info.get('icc_profile'))
        else:
            metadata.strip(format, source.file, cleaned.write)
        size = upright.size
        small = in_colour(upright)
        small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
        save_small(small, thumbnail)
    return f'image/{"jpeg" if format == "MPO" else format.lower()}', *size


def make_avatar(source: Scratch, avatar: Scratch) -> None:
    """Write the middle of the picture of one Scratch to the other, as a small square. Raises as `clean` does."""
    with decoded(source) as image:
        upright, _ = turned_upright(image)
        save_small(ImageOps.fit(in_colour(upright), (AVATAR_SIDE, AVATAR_SIDE)), avatar)


@contextmanager
def decoded(source: Scratch) -> Iterator[ImageFile]:
    """The picture in a Scratch, of an animation the first one; whatever a decoder says of it is the client's matter."""
    try:
        source.file.seek(0)
        with Image.open(source.file, formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise TooLarge(f'A picture has at most {MAX_PIXELS:,} pixels: make it smaller')
            image.load()
            yield image
    except ChatError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise TooLarge(f'A picture has at most {MAX_PIXELS:,} pixels: make it smaller') from None
    except MemoryError:
        raise Unavailable('There is no room for this picture just now: try again in a moment') from None
    except Exception as error:  # decoders meet hostile bytes with errors of every kind
        if isinstance(error, OSError) and error.errno is not None:
            raise full(error) from error
        log.debug('a picture was refused: %r', error)
        raise Invalid(file='is a damaged picture, or one that was cut off: send it again') from None


def turned_upright(image: ImageFile) -> tuple[Image.Image, bool]:
    """(the picture as it is to be seen, whether it had to be turned); the rest of its metadata is gone."""
    is_animation = getattr(image, 'is_animated', False) and image.format != 'MPO'
    turn = None if is_animation else TURNS.get(orientation(image) or 0)
    upright = image.transpose(turn) if turn is not None else image
    upright.info = {name: image.info[name] for name in ('icc_profile', 'transparency') if name in image.info}
    return upright, turn is not None


def orientation(image: Image.Image) -> int | None:
    """The EXIF orientation, 1 to 8; None without one."""
    try:
        found: int | None = image.getexif().get(ORIENTATION)
        return found
    except Exception:
        return None  # damaged metadata, which is thrown away anyway


def redraw_jpeg(image: ImageFile, upright: Image.Image, cleaned: Scratch) -> None:
    """Save with the compression that the picture came with, so that it neither grows nor loses what can be seen."""
    assert isinstance(image, JpegImageFile)
    tables, profile = image.quantization, upright.info.get('icc_profile')
    if any(value > 255 for table in tables.values() for value in table):
        upright.save(cleaned.file, 'JPEG', quality=92, icc_profile=profile)
    else:
        upright.save(cleaned.file, 'JPEG', qtables=tables, subsampling=get_sampling(image), icc_profile=profile)


def in_colour(image: Image.Image) -> Image.Image:
    """The picture in a mode that every small one can have, with transparency where it has some; itself if it is so."""
    if image.mode in ('RGB', 'RGBA'):
        return image
    if image.mode.startswith('I;16'):
        image = image.convert('I').point(lambda value: value / 256).convert('L')
    coloured = image.convert('RGBA' if image.has_transparency_data else 'RGB')
    if image.mode != 'P':
        coloured.info.pop('icc_profile', None)  # it speaks of grey, or of ink
    return coloured


def save_small(image: Image.Image, target: Scratch) -> None:
    """Save as WebP."""
    image.save(target.file, 'WEBP', quality=80, icc_profile=image.info.get('icc_profile'))
