"""Photos, cameras, days and hours of pictures."""

import pytest

from mmwsss.datasets.groups import FrameGroup, Grouping


def test_folders_are_cameras_and_blocks():
    assert Grouping().all(['a/b/1.jpg', 'a/c/1.jpg']) == [FrameGroup('b', 'b'), FrameGroup('c', 'c')]


def test_patterns():
    pattern = r'(?P<day>\d{8})/(?P<camera>\w+)_(?P<hour>\d\d)'
    assert Grouping(pattern=pattern).of('x/20240101/north_07.jpg') == FrameGroup('north 20240101', 'north', 7)
    assert Grouping(pattern=r'/([a-z]+)_\d').of('x/roof_3.jpg') == FrameGroup('roof', 'x')


def test_a_table_by_path_name_or_stem(tmp_path):
    table = tmp_path / 'blocks.csv'
    table.write_text('id,photo,more\nin/a.jpg,p1,\nb,p2,\nc.jpg,p3,\n')
    grouping = Grouping(str(table), ('id', 'photo'), root='root')
    found = grouping.all(['root/in/a.jpg', 'root/deep/b.png', 'root/c.jpg'])
    assert [group.block for group in found] == ['p1', 'p2', 'p3']
    assert [group.camera for group in found] == ['in', 'deep', 'root']
    with pytest.raises(ValueError, match='Expected the photo of root/d.jpg in .*blocks.csv, but it is not there'):
        grouping.of('root/d.jpg')


@pytest.mark.parametrize(
    ('pattern', 'path', 'message'),
    [
        ('(', 'a.jpg', 'Expected a regular expression for blocks'),
        ('a', 'a.jpg', r'Expected a group \(...\) in the pattern of blocks'),
        ('(?P<year>a)', 'a.jpg', 'groups named'),
        ('(b)', 'a.jpg', 'but a.jpg has it not'),
        (r'(?P<hour>\d\d)', '47.jpg', "Expected an hour from 0 to 23 in the path 47.jpg, but got '47'"),
    ],
)
def test_wrong_patterns(pattern, path, message):
    with pytest.raises(ValueError, match=message):
        Grouping(pattern=pattern).of(path)
