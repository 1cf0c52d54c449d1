# stylenet on a CPU:  docker build -t stylenet .  &&  docker run --rm -v "$PWD:/work" stylenet infer --ckpt starry_night --input a.jpg --output b.png
FROM python:3.11-slim
COPY . /src
RUN pip install --no-cache-dir /src && rm -rf /src
WORKDIR /work
ENTRYPOINT ["stylenet"]
