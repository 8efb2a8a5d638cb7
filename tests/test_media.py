"""What files are by their bytes, and what becomes of pictures and recordings; in-process, on real files made here."""
import io

import pytest
from PIL import Image

from chat.core.files import media, pictures
from chat.core.files.storage import LocalStorage
from chat.errors import Invalid, TooLarge, UnsupportedMedia
from tests.support import media as made


@pytest.fixture
def storage(tmp_path):
    return LocalStorage(tmp_path)


@pytest.fixture
def take_in(storage):
    def take(data, is_voice=False, duration_ms=None):
        scratch = storage.scratch()
        try:
            scratch.write(data)
            return media.take_in(storage, scratch, is_voice, duration_ms)
        finally:
            scratch.discard()
    return take


@pytest.fixture
def stored(storage):
    def read(saved):
        with storage.open(saved.key) as file:
            return file.read()
    return read


def files(folder):
    return [path for path in folder.rglob('*') if path.is_file()]


def shown(data):
    """The picture as a browser shows it."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def is_red(colour):
    return colour[0] > 200 and colour[2] < 80


# ---------------------------------------------------------------------- pictures

@pytest.mark.parametrize(('data', 'content_type'), [
    (made.jpeg(), 'image/jpeg'), (made.png(), 'image/png'), (made.webp(), 'image/webp'),
    (made.saved(made.picture(), 'GIF'), 'image/gif'), (made.saved(made.picture(mode='CMYK'), 'JPEG'), 'image/jpeg'),
    (made.saved(made.picture(mode='L'), 'JPEG', progressive=True), 'image/jpeg'), (made.png(mode='RGBA'), 'image/png'),
    (made.png(mode='1'), 'image/png'), (made.png(mode='P'), 'image/png'), (made.png(mode='LA'), 'image/png'),
    (made.saved(Image.new('I;16', (64, 40), 40_000), 'PNG'), 'image/png'), (made.webp(lossless=True), 'image/webp'),
    (made.saved(made.picture(), 'MPO', save_all=True, append_images=[made.picture()]), 'image/jpeg')])
def test_a_picture_of_every_mode_is_kept_with_its_size_and_a_thumbnail(take_in, stored, data, content_type):
    arrival = take_in(data)
    assert (arrival.kind, arrival.content_type, arrival.width, arrival.height) == ('image', content_type, 64, 40)
    assert shown(stored(arrival.saved)).size == (64, 40)
    small = shown(stored(arrival.thumbnail))
    assert small.format == 'WEBP' and small.size == (64, 40)


def test_a_thumbnail_is_at_most_480_pixels_wide_and_high(take_in, stored):
    assert shown(stored(take_in(made.jpeg((1000, 500))).thumbnail)).size == (480, 240)
    assert shown(stored(take_in(made.png((300, 3000))).thumbnail)).size == (48, 480)


@pytest.mark.parametrize('data', [
    made.jpeg(orientation=1), made.jpeg(orientation=6), made.png(orientation=1, text=True), made.png(orientation=8),
    made.webp(orientation=1), made.webp(orientation=3), made.webp(orientation=1, lossless=True),
    made.animated('GIF', comment=made.SECRET), made.animated('WEBP', exif=made.exif(6), xmp=made.SECRET),
    made.animated('PNG', exif=made.exif(6)), made.jpeg() + b'motion picture ' + made.SECRET,
    made.png() + made.SECRET, made.webp() + made.SECRET, made.saved(made.picture(), 'GIF') + made.SECRET,
    made.saved(made.picture(), 'GIF', xmp=made.SECRET)])
def test_a_picture_loses_its_metadata_the_place_above_all(take_in, stored, data):
    arrival = take_in(data)
    for saved in (arrival.saved, arrival.thumbnail):
        kept = stored(saved)
        assert made.SECRET not in kept and b'Exif' not in kept
        image = shown(kept)
        assert not image.getexif() and not image.getexif().get_ifd(made.GPS)
        assert not image.info.keys() & {'exif', 'xmp', 'comment', 'XML:com.adobe.xmp', 'Comment', 'Description'}


@pytest.mark.parametrize('make', [made.jpeg, made.png, made.webp])
@pytest.mark.parametrize(('orientation', 'size', 'red'), [
    (1, (64, 40), (10, 20)), (2, (64, 40), (54, 20)), (3, (64, 40), (54, 20)), (4, (64, 40), (10, 20)),
    (5, (40, 64), (20, 10)), (6, (40, 64), (20, 10)), (7, (40, 64), (20, 54)), (8, (40, 64), (20, 54))])
def test_a_picture_is_turned_upright(take_in, stored, make, orientation, size, red):
    arrival = take_in(make(orientation=orientation))
    assert (arrival.width, arrival.height) == size
    other = (size[0] - 1 - red[0], red[1]) if size[0] > size[1] else (red[0], size[1] - 1 - red[1])
    for saved in (arrival.saved, arrival.thumbnail):
        image = shown(stored(saved)).convert('RGB')
        assert image.size == size and is_red(image.getpixel(red)) and not is_red(image.getpixel(other))


@pytest.mark.parametrize('format', ['GIF', 'WEBP', 'PNG'])
def test_an_animation_keeps_moving_at_its_pace(take_in, stored, format):
    image = shown(stored(take_in(made.animated(format)).saved))
    assert image.n_frames == 3 and image.info.get('loop') == 0
    colours = []
    for number in range(3):
        image.seek(number)
        image.load()
        assert image.info['duration'] == 100
        colours.append(max(range(3), key=image.convert('RGB').getpixel((16, 16)).__getitem__))
    assert colours == [0, 2, 1]


@pytest.mark.parametrize('data', [made.png(), made.png(mode='P'), made.webp(), made.saved(made.picture(), 'GIF')])
def test_a_picture_that_need_not_be_turned_keeps_every_pixel(take_in, stored, data):
    assert shown(stored(take_in(data).saved)).convert('RGBA').tobytes() == shown(data).convert('RGBA').tobytes()


def test_the_colours_of_a_profile_and_transparency_stay(take_in, stored):
    from PIL import ImageCms
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    for data in (made.jpeg(icc_profile=profile, orientation=6), made.png(icc_profile=profile), made.webp(icc_profile=profile)):
        assert shown(stored(take_in(data).saved)).info['icc_profile'] == profile
    clear = made.saved(Image.new('RGBA', (20, 20), (0, 0, 0, 0)), 'PNG')
    arrival = take_in(clear)
    for saved in (arrival.saved, arrival.thumbnail):
        assert shown(stored(saved)).convert('RGBA').getpixel((5, 5))[3] == 0


@pytest.mark.parametrize('make', [made.jpeg, made.png, made.webp, lambda: made.animated('GIF'), lambda: made.animated('WEBP'),
                                  lambda: made.saved(made.picture((300, 300)), 'JPEG', progressive=True)])
@pytest.mark.parametrize('part', [0.1, 0.5, 0.9])
def test_a_picture_that_was_cut_off_is_refused(take_in, tmp_path, make, part):
    data = make()
    with pytest.raises(Invalid, match='cut off'):
        take_in(data[:max(40, int(len(data) * part))])
    assert files(tmp_path) == []


@pytest.mark.parametrize('data', [
    b'\x89PNG\r\n\x1a\n' + made.PROGRAM, b'\xff\xd8\xff\xe0' + made.PROGRAM, b'GIF89a' + made.PROGRAM,
    b'RIFF\xff\xff\xff\xffWEBPVP8X' + made.PROGRAM, b'\xff\xd8\xff', b'GIF89a'])
def test_what_only_begins_like_a_picture_is_refused(take_in, tmp_path, data):
    with pytest.raises(Invalid, match='damaged'):
        take_in(data)
    assert files(tmp_path) == []


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(take_in, tmp_path):
    gif = bytearray(made.saved(made.picture(), 'GIF'))
    gif[6:10] = b'\xff\xff\xff\xff'
    webp = bytearray(made.animated('WEBP'))
    webp[24:30] = b'\xff\x3f\0\xff\x3f\0'
    for data in (made.bomb(), bytes(gif), bytes(webp)):
        with pytest.raises(TooLarge, match='pixels'):
            take_in(data)
    assert files(tmp_path) == []


def test_the_bound_on_pixels_counts_the_whole_picture(take_in, monkeypatch):
    monkeypatch.setattr(pictures, 'MAX_PIXELS', 64 * 40)
    assert take_in(made.png()).width == 64
    with pytest.raises(TooLarge):
        take_in(made.png((65, 40)))


@pytest.mark.parametrize('data', [made.heif(b'heic'), made.heif(b'avif'), made.heif(b'mif1'), made.TIFF, b'MM\0*' + bytes(50)])
def test_pictures_that_can_not_be_cleaned_are_refused(take_in, tmp_path, data):
    with pytest.raises(UnsupportedMedia, match='JPEG or PNG'):
        take_in(data)
    assert files(tmp_path) == []


# ---------------------------------------------------------------------- recordings

@pytest.mark.parametrize(('data', 'content_type', 'duration'), [
    (made.wav(1.5), 'audio/wav', 1500), (made.mp3(100), 'audio/mpeg', 2612), (made.ogg(1.5), 'audio/ogg', 1500),
    (b'ID3\3\0\0\0\0\0\0' + made.mp3(100), 'audio/mpeg', 2612),
    (made.m4a(2.5), 'audio/mp4', 2500), (made.m4a(2.5, version=1), 'audio/mp4', 2500), (made.webm(3), 'audio/webm', 3000),
    (made.webm(2.5, told=False), 'audio/webm', 2500)])
@pytest.mark.parametrize('is_voice', [True, False])
def test_a_recording_tells_how_long_it_lasts(take_in, stored, data, content_type, duration, is_voice):
    arrival = take_in(data, is_voice, duration_ms=7)
    assert (arrival.kind, arrival.content_type) == ('voice' if is_voice else 'file', content_type)
    assert abs(arrival.duration_ms - duration) <= 15
    assert stored(arrival.saved) == data and arrival.thumbnail is None


@pytest.mark.parametrize('data', [made.m4a(0), made.webm(0, told=False)])
def test_a_recording_that_does_not_tell_lasts_as_long_as_the_client_says(take_in, data):
    assert take_in(data, True, duration_ms=1234).duration_ms == 1234
    assert take_in(data, True).duration_ms is None


@pytest.mark.parametrize('data', [
    made.m4a(handlers=(b'soun', b'vide')), made.m4a(handlers=(b'vide',)), made.webm(tracks=(1, 2)), made.webm(tracks=(1,)),
    made.webm(doc_type=b'matroska'), made.webm(told=False, scale=b'\xff' * 200),
    made.ogg(codec='theora'), made.PROGRAM, made.PDF, made.SVG, made.HTML, b'x',
    made.jpeg(), b'RIFF\0\0\0\0WAVE', b'OggS' + bytes(50), b'ID3' + bytes(50), b'\xff\xfb' + made.PROGRAM,
    b'\x1a\x45\xdf\xa3', b'\x1a\x45\xdf\xa3' + bytes(100), b'\0\0\0\x18ftypM4A ', made.m4a()[:60], b'\0\0\0\0ftypmoov' * 9])
def test_a_voice_note_that_is_no_sound_is_refused(take_in, tmp_path, data):
    with pytest.raises(UnsupportedMedia, match='sound'):
        take_in(data, is_voice=True)
    assert files(tmp_path) == []


@pytest.mark.parametrize(('data', 'content_type'), [
    (made.PROGRAM, 'application/x-executable'), (b'x', 'application/octet-stream'), (made.PDF, 'application/pdf'),
    (made.SVG, 'application/octet-stream'),
    (made.HTML, 'application/octet-stream'),
    (made.m4a(handlers=(b'vide', b'soun')), 'application/octet-stream')])
def test_everything_else_is_a_file_that_is_kept_as_it_is(take_in, stored, data, content_type):
    arrival = take_in(data)
    assert (arrival.kind, arrival.content_type) == ('file', content_type)
    assert arrival.content_type not in media.INLINE and stored(arrival.saved) == data


# ---------------------------------------------------------------------- storage

def test_bytes_get_a_name_made_of_their_hash_that_nothing_else_ever_gets(storage, tmp_path):
    keys = []
    for _ in range(2):
        scratch = storage.scratch()
        scratch.write(b'the same')
        saved = storage.save(scratch)
        keys.append(saved.key)
        assert saved.size == 8 and saved.key.startswith(saved.sha256.hex())
    assert keys[0] != keys[1]
    storage.delete([keys[0], keys[0]])
    assert [path.name for path in files(tmp_path)] == [keys[1]]


def test_what_a_crash_left_behind_is_swept_a_day_later(storage, tmp_path, monkeypatch):
    storage.scratch().file.close()
    assert storage.sweep() == 0 and len(files(tmp_path)) == 1
    monkeypatch.setattr('chat.core.files.storage.STALE_SECONDS', -1)
    assert storage.sweep() == 1 and files(tmp_path) == []
