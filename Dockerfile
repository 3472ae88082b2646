# The service and its workers. `docker build --target cuda .` for NVIDIA cards; without a target, for processors.
FROM python:3.11-slim-bookworm AS base
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/papagaio \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin papagaio \
    && install -d -o papagaio -g papagaio /data
ENV PATH=/opt/papagaio/bin:$PATH PAPAGAIO_DATA_DIR=/data PAPAGAIO_LOG_FORMAT=json
WORKDIR /src
COPY constraints.txt requirements*.txt ./

# What each target brings besides requirements.txt: several machines, cloning, datasets, conversion, XTTS, F5, Pocket.
FROM base AS packages-cpu
RUN pip install -c constraints.txt --extra-index-url https://download.pytorch.org/whl/cpu \
    -r requirements-cluster.txt -r requirements-train.txt -r requirements-dataset.txt -r requirements-rvc.txt \
    -r requirements-xtts.txt -r requirements-f5.txt -r requirements-pocket.txt

FROM base AS packages-cuda
RUN pip install -c constraints.txt \
    -r requirements-cluster.txt -r requirements-train.txt -r requirements-dataset.txt -r requirements-rvc.txt \
    -r requirements-xtts.txt -r requirements-f5.txt -r requirements-pocket.txt

FROM packages-cuda AS cuda
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility PAPAGAIO_DEVICE=cuda
COPY . .
RUN pip install --no-deps /src
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8005
ENTRYPOINT ["papagaio"]
CMD ["serve", "--host", "0.0.0.0"]

FROM packages-cpu AS cpu
COPY . .
RUN pip install --no-deps /src
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8005
ENTRYPOINT ["papagaio"]
CMD ["serve", "--host", "0.0.0.0"]
