"""Settings of the site; ``make docs`` builds it."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / 'docs' / '_ext')]
# what tutorials run is this checkout, on one thread, with the commands of this environment
os.environ['PYTHONPATH'] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get('PYTHONPATH')]))
os.environ['PATH'] = os.pathsep.join([str(Path(sys.executable).parent), os.environ['PATH']])
os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('PYTHONWARNINGS', 'ignore')  # of tqdm in notebooks and the like: no part of a tutorial
os.environ['BASH_ENV'] = str(ROOT / 'docs' / '_ext' / 'strict.sh')
os.environ.pop('MPLBACKEND', None)  # the kernel's own shows figures

import mmwsss  # noqa: E402  (first: cures torchvision)
from mmwsss.cli.host_noise import quiet_hosts  # noqa: E402

quiet_hosts()

project = 'mmwsss'
author = 'the authors of mmwsss'
copyright = author
release = mmwsss.__version__
extensions = [
    'sphinx.ext.autodoc',
    'sphinx.ext.napoleon',
    'myst_nb',
    'sphinx_copybutton',
    'site_of_mmwsss',
]
exclude_patterns = ['_ext']
html_theme = 'furo'
html_title = 'mmwsss'
html_static_path = ['_static']
html_css_files = ['site.css']
html_copy_source = False

nitpicky = True
nitpick_ignore_regex = [('py:.*', r'(?!mmwsss).*')]  # names of the hosts and of Python: no inventory without a network

autodoc_default_options = {'members': True, 'show-inheritance': True}
autodoc_member_order = 'bysource'
autodoc_typehints = 'signature'
autodoc_inherit_docstrings = False
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
toc_object_entries_show_parents = 'hide'
napoleon_numpy_docstring = False
napoleon_use_ivar = True

myst_enable_extensions = ['attrs_inline', 'colon_fence', 'deflist']
myst_heading_anchors = 3
# tutorials are executed, each in an empty folder of its own; MMWSSS_DOCS_EXECUTE=off leaves that out
nb_execution_mode = os.environ.get('MMWSSS_DOCS_EXECUTE', 'cache')
nb_execution_in_temp = True
nb_execution_timeout = 1200  # seconds a cell; a busy machine is slow
nb_execution_show_tb = True  # an error is a warning, and warnings are errors
nb_execution_cache_path = str(ROOT / 'build' / 'docs_cache')
nb_merge_streams = True
if nb_execution_mode == 'off':
    suppress_warnings = ['myst-nb.lexer']  # the language of a cell is known from its kernel, which is not started
