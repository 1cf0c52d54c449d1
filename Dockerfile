# stylenet on a CPU:  docker build -t stylenet .  &&  docker run --rm -v "$PWD:/work" stylenet infer --ckpt starry_night --input a.jpg --output b.png
# The image has PyTorch with CUDA, 6.7 GB. For a smaller one give the index of PyTorch's wheels for CPUs:
#   docker build -t stylenet --build-arg PIP_EXTRA_INDEX_URL=INDEX .
FROM python:3.11-slim
ARG PIP_EXTRA_INDEX_URL
COPY . /src
RUN pip install --no-cache-dir /src && rm -rf /src
WORKDIR /work
ENTRYPOINT ["stylenet"]
