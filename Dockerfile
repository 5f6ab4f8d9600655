# mmwsss on the CPU. Written and checked by reading only: there was no Docker daemon where it was written, so it was
# never built. Reports of what it does are welcome.
#   docker build -t mmwsss .
#   docker run --rm mmwsss --help
#   docker run --rm -v "$PWD/data:/data:ro" -v "$PWD/work_dirs:/home/user/work_dirs" mmwsss \
#       pipeline configs/pipelines/folder.py --cfg-options dataset_root=/data labels=labels.csv
FROM python:3.11-slim

# a compiler for pydensecrf2; libgl1 and libglib2.0-0 for OpenCV
RUN apt-get update \
    && apt-get install --yes --no-install-recommends build-essential libgl1 libglib2.0-0 \
    && rm -rf /var/lib/apt/lists/*

# torch and torchvision, then the set that is tested together. pip takes builds with CUDA by default; the CPU builds are
# smaller: --build-arg TORCH_OPTIONS="--index-url ADDRESS", with the address that PyTorch's own page names for them
ARG TORCH_OPTIONS=""
COPY requirements /opt/mmwsss/requirements
WORKDIR /opt/mmwsss
RUN pip install --no-cache-dir torch torchvision $TORCH_OPTIONS \
        --constraint requirements/constraints.txt \
    && pip install --no-cache-dir --constraint requirements/constraints.txt \
        --requirement requirements/openmmlab.txt --requirement requirements/runtime.txt \
        --requirement requirements/crf.txt --requirement requirements/pretrained.txt --requirement requirements/onnx.txt

COPY . /opt/mmwsss
RUN pip install --no-cache-dir --no-deps .

# nothing runs as root; work_dirs is where results go
RUN useradd --create-home user && mkdir /home/user/work_dirs && chown user /home/user/work_dirs
USER user
WORKDIR /home/user
ENV MPLBACKEND=Agg
ENTRYPOINT ["mmwsss"]
CMD ["--help"]
