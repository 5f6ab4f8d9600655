"""model-index.yml, dataset-index.yml, CITATION.cff: what other tools read of the project, and only measured figures."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

import mmwsss
from mmwsss.cli.arguments import tools_folder
from mmwsss.config import load_config

ROOT = Path(mmwsss.__file__).parents[1]


def read(path):
    return yaml.safe_load((ROOT / path).read_text(encoding='utf-8'))


METAFILES = read('model-index.yml')['Import']
MODELS = {model['Name']: model for path in METAFILES for model in read(path)['Models']}


def test_the_format_is_that_of_model_index():
    modelindex = pytest.importorskip('modelindex')
    index = modelindex.load(str(ROOT / 'model-index.yml'))
    index.build_models_with_collections()
    problems = index.check(silent=True) or []
    assert all('Path to README' in problem for problem in problems), problems  # ours, as OpenMMLab's, are from the root
    assert {model.name for model in index.models} == set(MODELS) and len(MODELS) == 7


def test_every_metafile_is_imported():
    assert sorted(METAFILES) == sorted(str(path.relative_to(ROOT)) for path in ROOT.glob('configs/**/metafile.yml'))


@pytest.mark.parametrize('name', MODELS)
def test_a_model_has_what_people_look_for(name):
    model = MODELS[name]
    collections = {entry['Name']: entry for path in METAFILES for entry in read(path)['Collections']}
    assert (ROOT / collections[model['In Collection']]['README']).is_file()
    assert load_config(ROOT / model['Config']).kind in ('classifier', 'segmentor')
    assert {'Training Data', 'Seeds', 'Command'} <= set(model['Metadata'])
    assert 'Weights' not in model  # none are published
    for result in model['Results']:
        assert set(result) == {'Task', 'Dataset', 'Metrics'} and result['Metrics']


@pytest.mark.parametrize('name', MODELS)
def test_figures_are_those_of_the_results_page(name):
    """One row of docs/results.md has all of a model's figures, and its command stands there."""
    text = (ROOT / 'docs' / 'results.md').read_text(encoding='utf-8')
    rows = [set(re.findall(r'\d+\.\d+', line)) for line in text.splitlines() if line.startswith('|')]
    for result in MODELS[name]['Results']:
        figures = {str(value) for value in result['Metrics'].values()}
        assert any(figures <= row for row in rows), figures
    words = MODELS[name]['Metadata']['Command'].split()
    assert all(word in text for word in words if 'SEED' not in word)


@pytest.mark.parametrize('name', [name for name, model in MODELS.items() if 'Parameters' in model['Metadata']])
def test_parameters_are_those_of_the_network(name):
    from mmwsss.apis.cost import network_cost

    cfg = load_config(ROOT / MODELS[name]['Config'], {'pretrained': False})
    assert network_cost(cfg, (64, 64), rounds=0)['parameters'] == MODELS[name]['Metadata']['Parameters']


def test_data_sets_have_a_script_and_a_description():
    for name, entry in read('dataset-index.yml').items():
        assert os.access(ROOT / entry['script'], os.X_OK)
        assert load_config(ROOT / 'configs' / 'data' / f'{name}.py').dataset_root == entry['data_root']
        assert set(entry) == {'dataset', 'download_root', 'data_root', 'script'}


@pytest.mark.skipif(os.name == 'nt', reason='mim downloads on Linux only')
def test_the_script_of_voc_unpacks_and_writes_labels(tmp_path):
    voc = tmp_path / 'made' / 'VOCdevkit' / 'VOC2012'
    for folder in ('ImageSets/Segmentation', 'Annotations', 'JPEGImages', 'SegmentationClass'):
        (voc / folder).mkdir(parents=True)
    for split in ('train', 'val'):
        (voc / 'ImageSets/Segmentation' / f'{split}.txt').write_text(f'{split}_1\n')
        (voc / 'JPEGImages' / f'{split}_1.jpg').write_bytes(b'picture')
        (voc / 'SegmentationClass' / f'{split}_1.png').write_bytes(b'mask')
        (voc / 'Annotations' / f'{split}_1.xml').write_text(
            '<annotation><object><name>cat</name></object></annotation>'
        )
    raw = tmp_path / 'data' / 'OpenDataLab___PASCAL_VOC2012' / 'raw'
    raw.mkdir(parents=True)
    archive = raw / 'VOCtrainval_11-May-2012.tar'
    subprocess.run(['tar', '-cf', archive, '-C', tmp_path / 'made', 'VOCdevkit'], check=True)
    script = tools_folder() / 'dataset_converters' / 'scripts' / 'prepare_voc12.sh'
    done = _script(script, tmp_path / 'data', tmp_path / 'data' / 'voc')
    assert 'train: 1 images' in done.stdout, done.stderr
    assert {'train.json', 'val.json'} <= {path.name for path in (tmp_path / 'data/voc').rglob('*.json')}
    assert _script(script, tmp_path / 'made', tmp_path / 'x').returncode != 0


@pytest.mark.skipif(os.name == 'nt', reason='mim downloads on Linux only')
def test_the_script_of_coco_says_what_is_missing_and_unpacks(tmp_path):
    script = tools_folder() / 'dataset_converters' / 'scripts' / 'prepare_coco14.sh'
    done = _script(script, tmp_path, tmp_path / 'out')
    assert done.returncode == 2 and 'Expected annotations_trainval2014.zip below' in done.stderr
    raw = tmp_path / 'raw'
    raw.mkdir()
    content = (
        '{"images": [{"id": 1, "file_name": "a.jpg", "width": 4, "height": 3}], "annotations": [], "categories": []}'
    )
    with zipfile.ZipFile(raw / 'annotations_trainval2014.zip', 'w') as archive:
        for split in ('train2014', 'val2014'):
            archive.writestr(f'annotations/instances_{split}.json', content)
    for split in ('train2014', 'val2014'):
        with zipfile.ZipFile(raw / f'{split}.zip', 'w') as archive:
            archive.writestr(f'{split}/a.jpg', b'picture')
    done = _script(script, raw, tmp_path / 'out')
    assert (tmp_path / 'out' / 'img_dir' / 'val2014' / 'a.jpg').is_file(), done.stderr
    assert 'train2014: 1 images' in done.stdout
    assert (tmp_path / 'out' / 'annotations' / 'val2014.json').is_file()


def _script(script, *arguments):
    environment = {**os.environ, 'PYTHON': sys.executable, 'PYTHONPATH': str(ROOT)}
    command = ['bash', str(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)


def test_the_citation_file_is_one():
    citation = read('CITATION.cff')
    assert citation['cff-version'] == '1.2.0' and citation['type'] == 'software'
    assert citation['version'] == mmwsss.__version__ and citation['license'] == 'Apache-2.0'
    assert all(set(author) <= {'name', 'given-names', 'family-names'} for author in citation['authors'])
    assert {'message', 'title', 'authors'} <= set(citation)
