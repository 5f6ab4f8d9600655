set -eo pipefail  # what a tutorial runs fails where any of its commands does (BASH_ENV of docs/conf.py)
